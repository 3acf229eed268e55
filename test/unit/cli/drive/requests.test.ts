import { describe, expect, it } from 'vitest';
import { VolumeRequests } from '../../../../src/cli/drive/requests.ts';
import type { Target } from '../../../../src/cli/drive/target.ts';
import { isJsonObject, type JsonObject } from '../../../../src/domain/json.ts';
import { decodeEntity } from '../../../../src/rpc/wire/objects.ts';
import { isWireObject } from '../../../../src/rpc/wire/wire-object.ts';
import { fakeRows, volumeType, type FakeRows } from './fake-rows.ts';

interface Cast {
  readonly target: { readonly topic: string; readonly server?: string };
  readonly method: string;
  readonly version: string;
  readonly args: JsonObject;
}

const target: Target = { host: 'a@nfs#pool', clusterName: 'demo@nfs#pool', availabilityZone: 'nova' };

function setUp(noSnapshotGbQuota = false): { rows: FakeRows; casts: Cast[]; requests: VolumeRequests } {
  const rows = fakeRows();
  const casts: Cast[] = [];
  const rpc = {
    call: () => Promise.reject(new Error('no call is made')),
    cast: async (to: Cast['target'], method: string, version: string, args: JsonObject) => {
      casts.push({ target: to, method, version, args });
    },
  };
  const owner = { userId: 'u', projectId: 'p' };
  const requests = new VolumeRequests({
    db: rows.db,
    rpc,
    owner,
    noSnapshotGbQuota,
    signal: new AbortController().signal,
  });
  return { rows, casts, requests };
}

const available = async (set: ReturnType<typeof setUp>, sizeGb = 1): Promise<string> => {
  const id = await set.requests.createVolume({ name: 'v', sizeGb }, target, volumeType);
  await set.rows.db.volumes.update(id, { status: 'available' });
  set.casts.length = 0;
  return id;
};

/** The argument as a Python service would read it. */
const fieldsOf = (cast: Cast | undefined, argument: string, name: string): Readonly<Record<string, unknown>> => {
  const object = decodeEntity(argument, cast?.args[argument] ?? null);
  if (!isWireObject(object, name)) throw new Error(`${argument} is no ${name}`);
  return object.fields;
};

describe('VolumeRequests', () => {
  it('creates the row, the workers row and the quota before the message, as API and scheduler do', async () => {
    const { rows, casts, requests } = setUp();
    const id = await requests.createVolume({ name: 'v', sizeGb: 3 }, target, volumeType);
    expect(rows.volumes.get(id)).toMatchObject({
      status: 'creating',
      attach_status: 'detached',
      host: 'a@nfs#pool',
      cluster_name: 'demo@nfs#pool',
      size: 3,
      volume_type_id: volumeType.id,
    });
    expect(rows.workers).toEqual([`Volume ${id} creating`]);
    expect(rows.quota).toEqual({ volumes: 1, gigabytes: 3, volumes_gold: 1, gigabytes_gold: 3 });
    expect(casts).toMatchObject([
      { target: { topic: 'cinder-volume.demo@nfs', server: 'demo' }, method: 'create_volume', version: '3.0' },
    ]);
    expect(casts[0]?.args).toMatchObject({ allow_reschedule: false });
    expect(fieldsOf(casts[0], 'volume', 'Volume')).toMatchObject({ id, status: 'creating', size: 3 });
    expect(fieldsOf(casts[0], 'request_spec', 'RequestSpec')).toMatchObject({ volume_id: id, snapshot_id: null });
    expect(isJsonObject(casts[0]?.args['filter_properties'])).toBe(true);
  });

  it('names the source in row and specification, and refuses one that is missing, busy or larger', async () => {
    const set = setUp();
    const source = await available(set, 2);
    const copy = await set.requests.createVolume(
      { name: 'c', sizeGb: 2, from: { volumeId: source } },
      target,
      volumeType,
    );
    expect(set.rows.volumes.get(copy)).toMatchObject({ source_volid: source });
    expect(fieldsOf(set.casts[0], 'request_spec', 'RequestSpec')).toMatchObject({ source_volid: source });
    const create = (sizeGb: number, from: string) =>
      set.requests.createVolume({ name: 'c', sizeGb, from: { volumeId: from } }, target, volumeType);
    await expect(create(1, source)).rejects.toThrow('has 2 GiB');
    await expect(create(2, copy)).rejects.toThrow('is creating');
    await expect(create(2, 'none')).rejects.toThrow('does not exist');
    expect(set.casts).toHaveLength(1);
  });

  it('marks a volume for deletion only if it can be deleted', async () => {
    const set = setUp();
    const id = await available(set);
    await set.requests.deleteVolume(id, { cascade: false });
    expect(set.rows.volumes.get(id)).toMatchObject({ status: 'deleting' });
    expect(set.rows.workers).toContain(`Volume ${id} deleting`);
    expect(set.casts).toMatchObject([{ method: 'delete_volume', args: { unmanage_only: false, cascade: false } }]);
    await expect(set.requests.deleteVolume(id, { cascade: false })).rejects.toThrow('is deleting');
    expect(set.casts).toHaveLength(1);
  });

  it('deletes snapshots with their volume only if that is asked for', async () => {
    const set = setUp();
    const id = await available(set);
    const snapshot = await set.requests.createSnapshot(id, 's');
    await set.rows.db.snapshots.update(snapshot, { status: 'available' });
    await expect(set.requests.deleteVolume(id, { cascade: false })).rejects.toThrow('has 1 snapshot(s)');
    await set.requests.deleteVolume(id, { cascade: true });
    expect(set.rows.snapshots.get(snapshot)).toMatchObject({ status: 'deleting' });
  });

  it.each([
    [false, { snapshots: 1, gigabytes: 2 + 2 }],
    [true, { snapshots: 1, gigabytes: 2 }],
  ])('makes and deletes snapshots (no_snapshot_gb_quota = %s)', async (without, quota) => {
    const set = setUp(without);
    const id = await available(set, 2);
    const snapshot = await set.requests.createSnapshot(id, 's');
    expect(set.rows.quota).toMatchObject(quota);
    expect(set.rows.workers).toContain(`Snapshot ${snapshot} creating`);
    expect(fieldsOf(set.casts[0], 'snapshot', 'Snapshot')).toMatchObject({ volume_id: id, volume_size: 2 });
    await expect(set.requests.deleteSnapshot(snapshot)).rejects.toThrow('is creating');
    await set.rows.db.snapshots.update(snapshot, { status: 'available' });
    await set.requests.deleteSnapshot(snapshot);
    expect(fieldsOf(set.casts[1], 'snapshot', 'Snapshot')).toMatchObject({ id: snapshot, status: 'deleting' });
    expect(set.casts[1]).toMatchObject({ method: 'delete_snapshot', target: { server: 'demo' } });
  });
});
