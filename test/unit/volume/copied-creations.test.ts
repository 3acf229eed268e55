import { expect, it } from 'vitest';
import type { NewEntry } from '../../../src/db/ports/custody.ts';
import type { WorkerRow } from '../../../src/db/ports/resources.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import type { RequestCopies, RpcRequest } from '../../../src/rpc/method.ts';
import { CopiedCreations } from '../../../src/volume/copied-creations.ts';
import { createVolume } from '../../../src/volume/operations/create-volume.ts';
import { request } from './replica.ts';

const { signal } = new AbortController();

/** Ids are uuids: the last digit tells one from another. */
const uuid = (digit: number): string => `11111111-2222-4333-8444-55555555555${digit}`;
const [v1, v2, v3] = [uuid(1), uuid(2), uuid(3)];

function row(id: string, more: Partial<Volume> = {}): { readonly backend: string; readonly row: Volume } {
  const at = { created_at: '2026-01-01 00:00:00', updated_at: null };
  return { backend: 'c@nfs', row: { id, host: 'h@nfs#p', cluster_name: 'c@nfs#p', ...at, ...more } as Volume };
}

function copied(id: string, args: object = { request_spec: { image_id: 'i' }, allow_reschedule: true }): RpcRequest {
  const plain = { volume: { id }, ...args };
  const made = request(id, `m-${id}`, 'create_volume');
  return { ...made, plain, wire: { ...made.wire, args: plain } };
}

/** One look; the topics that were looked at, and the entries that were made. */
async function look(
  requests: readonly RpcRequest[],
  services: Readonly<Record<string, number | null>>,
  unclear: readonly { readonly backend: string; readonly row: Volume }[],
): Promise<{ readonly topics: readonly string[]; readonly entries: readonly NewEntry[] }> {
  const [topics, entries]: [string[], NewEntry[]] = [[], []];
  const copies: RequestCopies = {
    each: (topic, _method, onRequest) => {
      topics.push(topic);
      requests.forEach((found) => onRequest(found));
      return Promise.resolve();
    },
  };
  const find = (_type: string, id: string): Promise<WorkerRow | null> => {
    const service_id = services[id];
    return Promise.resolve(service_id === undefined ? null : ({ service_id } as WorkerRow));
  };
  const db = { workers: { find } } as unknown as ConstructorParameters<typeof CopiedCreations>[0]['db'];
  const found = new CopiedCreations({ db, operations: [createVolume], copies, log: silentLogger });
  const takeUp = (some: readonly NewEntry[]): Promise<void> => Promise.resolve(void entries.push(...some));
  expect(await found.look(unclear, takeUp, signal)).toBe(true);
  return { topics, entries };
}

it('journals the arguments and the context of the newest copy, and nothing of other volumes', async () => {
  const newest = copied(v1, { request_spec: { image_id: 'new' } });
  const { entries } = await look([copied(v1), copied(v2), newest], {}, [row(v1)]);
  expect(entries).toMatchObject([{ method: 'create_volume', resourceId: v1, origin: 'reconcile', backend: 'c@nfs' }]);
  expect(entries[0]?.args).toEqual({ volume: { id: v1 }, request_spec: { image_id: 'new' } });
  expect(entries[0]?.context).toEqual(newest.wire.context);
});

it('lets be what a service has begun, Python’s perhaps', async () => {
  const [begun, sent, without] = [v1, v2, v3];
  const rows = [begun, sent, without].map((id) => row(id));
  const services = { [begun]: 7, [sent]: null };
  const { entries } = await look([copied(begun), copied(sent), copied(without)], services, rows);
  expect(entries.map(({ resourceId }) => resourceId)).toEqual([sent, without]);
  expect(await look([copied(begun)], services, [row(begun)])).toEqual({ topics: [], entries: [] });
});

it('looks where the row says that its request was sent', async () => {
  const rows = [row(v1), row(v2), row(v3, { cluster_name: null })];
  expect((await look([], {}, rows)).topics).toEqual(['cinder-volume.c@nfs', 'cinder-volume.h@nfs']);
});

it('skips copies whose arguments do not fit', async () => {
  const odd: readonly RpcRequest[] = [
    copied(v1, { allow_reschedule: 'maybe' }),
    copied(v1, { request_spec: 7 }),
    { ...copied(v1), plain: { volume: v1 } },
    { ...copied(v1), plain: {} },
  ];
  expect((await look(odd, {}, [row(v1)])).entries).toEqual([]);
  expect((await look([copied(v1), ...odd], {}, [row(v1)])).entries).toHaveLength(1);
});

it('makes the same entry of the same row, whichever message it found, and another of the row when it has moved', async () => {
  const idOf = async (found: RpcRequest, more: Partial<Volume> = {}): Promise<string | undefined> =>
    (await look([found], {}, [row(v1, more)])).entries[0]?.uniqueId;
  const first = await idOf(copied(v1));
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(await idOf({ ...copied(v1), uniqueId: 'other' })).toBe(first);
  expect(await idOf(copied(v1), { updated_at: '2026-01-01 00:00:01' })).not.toBe(first);
});
