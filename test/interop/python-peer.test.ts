import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { CINDER_EXCEPTIONS } from '../../src/domain/exception-catalogue.ts';
import { CinderError, isCinderExceptionName } from '../../src/domain/exceptions.ts';
import type { CinderKwargs, CinderExceptionName } from '../../src/domain/exceptions.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { encodeContext, serviceContext } from '../../src/rpc/wire/context.ts';
import { buildBody, buildRequest } from '../../src/rpc/wire/envelope.ts';
import { encodeFailure, noSuchMethod, wrongArguments } from '../../src/rpc/wire/failure.ts';
import { pinObjects } from '../../src/rpc/wire/object-pins.ts';
import { listObject, objectFromRow } from '../../src/rpc/wire/object-rows.ts';
import { encodeEntity, newObject } from '../../src/rpc/wire/objects.ts';
import { leaveOutPython, python } from '../support/programs.ts';

interface Answer {
  readonly failures: readonly { readonly class: string; readonly msg: string | null; readonly code: number | null }[];
  readonly echo: {
    readonly method: string;
    readonly context: JsonObject;
    readonly classes: JsonObject;
    readonly args: JsonObject;
  };
}

const persistent = { created_at: '2026-01-02 03:04:05.678901', updated_at: null, deleted_at: null, deleted: false };
const uuid = (digit: string): string => `${digit.repeat(8)}-${digit.repeat(4)}-4000-8000-${digit.repeat(12)}`;
const attachment = objectFromRow('VolumeAttachment', {
  ...persistent,
  id: uuid('a'),
  volume_id: uuid('b'),
  attach_status: 'attached',
  connector: '{"host": "h", "multipath": false}',
  connection_info: null,
});
const volume = objectFromRow(
  'Volume',
  { ...persistent, id: uuid('b'), size: null, use_quota: false, host: 'h@b#p', shared_targets: null },
  {
    metadata: { k: 'v' },
    volume_type: objectFromRow('VolumeType', { ...persistent, id: uuid('c'), extra_specs: { a: null } }),
    volume_attachment: listObject('VolumeAttachment', [attachment]),
  },
);
const args = {
  volume,
  older: pinObjects(volume, '1.38'),
  device: newObject('BackupDeviceInfo', { volume, secure_enabled: false }),
  levels: newObject('LogLevelList', { objects: [newObject('LogLevel', { prefix: 'p', level: 'INFO' })] }),
  plain: ['x', 1, null, { a: true }],
};
const context = encodeContext(serviceContext(new Date('2026-01-02T03:04:05Z')));

const catalogue = Object.keys(CINDER_EXCEPTIONS)
  .filter(isCinderExceptionName)
  .map((name) => new CinderError(name, kwargsFor(name)));

function kwargsFor<N extends CinderExceptionName>(name: N): CinderKwargs<N> {
  const marks = [...CINDER_EXCEPTIONS[name].message.matchAll(/%\((\w+)\)s/g)];
  return Object.fromEntries(marks.map(([, mark = '']) => [mark, `the ${mark}`])) as CinderKwargs<N>;
}

describe.skipIf(leaveOutPython('cinder', 'oslo_messaging'))("what Cinder's own code makes of our messages", () => {
  let answer: Answer;

  beforeAll(() => {
    const request = {
      method: 'm',
      args: encodeEntity(args) as JsonObject,
      version: '3.0',
      namespace: null,
      uniqueId: 'u',
      replyTo: null,
      context,
    };
    const failures = [...catalogue, wrongArguments('w'), noSuchMethod('m'), new RangeError('r')].map(encodeFailure);
    const input = JSON.stringify({ failures, body: buildBody(buildRequest(request)).toString('utf8') });
    const script = fileURLToPath(new URL('python-peer.py', import.meta.url));
    const { status, stdout, stderr } = spawnSync(python, [script], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the peer failed: ${stderr}`);
    answer = JSON.parse(stdout) as Answer;
  }, 60_000);

  it('rebuilds every exception of the catalogue with its class, text and HTTP code', () => {
    expect(answer.failures.slice(0, catalogue.length)).toStrictEqual(
      catalogue.map((error) => ({
        class: `${error.exception}_Remote`,
        msg: error.message,
        code: error.httpCode,
      })),
    );
  });

  it('gets a builtin error as such, and ours as RemoteError', () => {
    expect(answer.failures.slice(catalogue.length).map((failure) => failure.class)).toStrictEqual([
      'TypeError',
      'RemoteError',
      'RemoteError',
    ]);
  });

  it('reads our objects as the classes that they are, and writes them as we did', () => {
    expect(answer.echo.classes).toStrictEqual({
      volume: 'Volume',
      older: 'Volume',
      device: 'BackupDeviceInfo',
      levels: 'LogLevelList',
      plain: 'list',
    });
    const { older, ...same } = answer.echo.args;
    const { older: sentOlder, ...sent } = encodeEntity(args) as JsonObject;
    expect(sortedChanges(same)).toStrictEqual(sortedChanges(sent));
    // To the object without `use_quota` Python gives one, by its own rule, and leaves it its version.
    expect(older).toMatchObject(sentOlder as object);
    expect(older).toMatchObject({ 'versioned_object.version': '1.8', 'versioned_object.data': { use_quota: true } });
  });

  it('reads our context', () => {
    const { timestamp, service_catalog: catalog, ...echoed } = answer.echo.context;
    expect(timestamp).toBe('2026-01-02T03:04:05+00:00');
    expect(catalog).toStrictEqual([]);
    expect({ ...echoed, timestamp: context['timestamp'], service_catalog: null }).toStrictEqual(context);
  });
});

/** Python keeps the changes in a set. */
function sortedChanges(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, item: unknown) =>
    key === 'versioned_object.changes' && Array.isArray(item) ? (item as unknown[]).toSorted() : item,
  );
}
