import { spawnSync } from 'node:child_process';
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sharedPostgres } from '../../support/shared-servers.ts';

const asked = process.env['TEST_UMASK'] !== undefined;

it('runs as whom it was asked to, under the umask that was asked for', () => {
  expect(process.getuid?.() === 0 && asked).toBe(false);
  const file = join(mkdtempSync(join(tmpdir(), 'umask-')), 'file');
  writeFileSync(file, '');
  if (asked) expect(statSync(file).mode & 0o777).toBe(0o600);
});

if (asked)
  it('may not write what belongs to root', () => {
    const share = process.env['TEST_ROOT_SHARE'] ?? '';
    expect(statSync(join(share, 'owned-by-root')).uid).toBe(0);
    expect(() => writeFileSync(join(share, 'owned-by-root'), 'y')).toThrow('EACCES');
  });

/** A user without a name needs them, and the kernel may forbid them (a sandbox, a changed root). */
const namespaces = spawnSync('unshare', ['--user', 'true']).status === 0;

it.skipIf(asked && !namespaces)('can start an embedded PostgreSQL all the same', async () => {
  expect((await sharedPostgres()).url).toMatch(/^postgres:/);
});
