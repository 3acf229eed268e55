import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serviceMethods } from '../../../src/service/methods/index.ts';
import type { ServicePorts } from '../../../src/service/methods/service-method.ts';
import { calls } from '../../../src/volume/calls/index.ts';
import { operations } from '../../../src/volume/operations/index.ts';

const interop = join(import.meta.dirname, '../../interop');

/** The tests in which Cinder's own Python client asks a running replica. */
const files = readdirSync(interop)
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => ({ file, text: readFileSync(join(interop, file), 'utf8') }))
  .filter(({ text }) => /VolumeClient|startService/.test(text));

const testsOf = (method: string): readonly string[] =>
  files.filter(({ text }) => text.includes(`'${method}'`)).map(({ file }) => file);

const named = (kind: string, room: string, methods: readonly { readonly name: string }[]) =>
  methods.map(({ name }) => ({ name, kind, room, tests: testsOf(name) }));

// The names need no ports.
const ofService = serviceMethods({} as ServicePorts);
const table = [
  ...named('cast', 'volume/operations', operations),
  ...named('call', 'volume/calls', calls),
  ...named('service', 'service/methods', ofService),
];

function page(): string {
  const rows = table.map(
    ({ name, kind, room, tests }) => `| \`${name}\` | ${kind} | src/${room} | ${tests.join(', ')} |`,
  );
  return `# RPC methods

Every method of cinder-volume's RPC that this service carries out, and the tests in test/interop/ in which Cinder's own
Python client asks a running replica for it. Written by \`npx vitest run test/unit/service/methods-table.test.ts -u\`.

\`cast\`: journalled, then done by the door. \`call\`: done while the caller waits. \`service\`: of the service itself.

| method | kind | where | asked for by Python in |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

describe('the methods', () => {
  it('are all asked for by a real client', () => {
    expect(table.filter(({ tests }) => tests.length === 0).map(({ name }) => name)).toEqual([]);
    expect(table.length).toBeGreaterThan(45);
  });

  it('stand in docs/rpc-methods.md', async () => {
    await expect(page()).toMatchFileSnapshot('../../../docs/rpc-methods.md');
  });
});
