import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Snapshot, Volume, VolumeAttachment } from '../../../../src/domain/rows.ts';
import { SNAPSHOT, SNAPSHOT_2, SOURCE, goldType, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { snapshot: { id: SNAPSHOT } };
const quotas = {
  'project snapshots': 2,
  'project gigabytes': 9,
  'project snapshots_gold': 2,
  'project gigabytes_gold': 9,
};

function world(snapshot: Partial<Snapshot>, volume: Partial<Volume> = {}, options: Partial<WorldOptions> = {}): World {
  return new World({
    files: { [SOURCE]: 'data' },
    tables: {
      volumes: { [SOURCE]: madeVolume({ id: SOURCE, ...volume }) },
      snapshots: { [SNAPSHOT]: snapshotRow(snapshot), [SNAPSHOT_2]: snapshotRow({ id: SNAPSHOT_2 }) },
      volumeTypes: { [goldType.id]: goldType },
      values: { [`glance ${SOURCE}`]: { image_id: 'img' }, [`metadata ${SNAPSHOT}`]: { a: "it's", b: null } },
      quotas,
    },
    ...options,
  });
}

const row = (at: World): Snapshot | undefined => at.db.tables.snapshots[SNAPSHOT];

describe('create_snapshot', () => {
  const creating = { status: 'creating', progress: '0%' };

  test('of a bootable, encrypted volume', async () => {
    const at = await world(creating, { bootable: true, encryption_key_id: 'key' }).carry('create_snapshot', request);
    expect(row(at)).toMatchObject({
      status: 'available',
      progress: '100%',
      encryption_key_id: 'key',
      provider_id: 'made',
    });
    expect(at.driver.files.get(SNAPSHOT)).toBe(`snapshot of ${SOURCE}`);
    expect(at.db.tables.values[`glance ${SNAPSHOT}`]).toEqual({ image_id: 'img' });
    expect(at.db.tables.values[`admin_metadata ${SOURCE}`]).toEqual({ format: 'qcow2' });
    expect(at.db.tables.workers).toEqual({});
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.locks).toEqual([`${SNAPSHOT}-delete_snapshot`, `nfs-${SOURCE}`]);
    expect(at.events()).toEqual(['snapshot.create.start', 'snapshot.create.end']);
    expect(at.db.tables.outbox[1]?.payload).toMatchObject({
      publisher_id: 'snapshot.ctl@nfs1',
      status: 'available',
      deleted: '',
      availability_zone: 'nova',
      metadata: `{'a': "it's", 'b': None}`,
      created_at: '2026-01-01T00:00:00+00:00',
    });
  });

  test('copies no glance metadata of a volume that cannot be booted from', async () => {
    const at = await world(creating).carry('create_snapshot', request);
    expect(at.db.tables.values[`glance ${SNAPSHOT}`]).toBeUndefined();
  });

  test.each([
    ['gone', { deleted: true, status: 'deleted' }],
    ['settled', { status: 'available' }],
    ['in error', { status: 'error' }],
  ])('leaves alone a snapshot that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('create_snapshot', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.workers).toEqual({});
  });

  test.each([
    [
      'the driver fails',
      '013',
      (at: World) => void at.driver.fails.set('snapshots.create', new CinderError('NfsException', {})),
    ],
    ['the volume is gone', '013', (at: World) => void Reflect.deleteProperty(at.db.tables.volumes, SOURCE)],
    [
      'the volume lies elsewhere',
      '013',
      (at: World) => void (at.db.tables.volumes[SOURCE] = madeVolume({ id: SOURCE, host: 'x@y#z' })),
    ],
  ])('ends in error where %s', async (_what, detail_id, spoil) => {
    const at = world(creating);
    spoil(at);
    await at.carry('create_snapshot', request);
    expect(row(at)?.status).toBe('error');
    expect(at.db.tables.messages).toMatchObject([{ resource_type: 'VOLUME_SNAPSHOT', action_id: '009', detail_id }]);
    expect(at.db.tables.workers).toEqual({});
    expect(at.events()).toEqual(['snapshot.create.start']);
  });

  test('says that the driver is not there, if it is not', async () => {
    const at = await world(creating, {}, { ready: false }).carry('create_snapshot', request);
    expect(row(at)?.status).toBe('error');
    expect(at.db.tables.messages).toMatchObject([{ action_id: '009', detail_id: '002' }]);
  });

  const attached = { status: 'in-use', attach_status: 'attached' };

  test('of an attached volume tells its connections which file the guest opens now', async () => {
    const at = world(creating, attached);
    const told = '{"export": "a:/b", "name": "volume", "format": "raw"}';
    const attachment = { volume_id: SOURCE, deleted: false } as VolumeAttachment;
    at.db.tables.attachments['one'] = { ...attachment, id: 'one', connection_info: told };
    at.db.tables.attachments['two'] = { ...attachment, id: 'two', connection_info: null };
    at.db.tables.attachments['odd'] = { ...attachment, id: 'odd', connection_info: "{'export': None" };
    await at.carry('create_snapshot', request);
    expect(row(at)?.status).toBe('available');
    const { one, two, odd } = at.db.tables.attachments;
    expect(JSON.parse(one?.connection_info ?? '')).toEqual({
      ...{ export: 'a:/b', name: `overlay ${SNAPSHOT}`, format: 'qcow2' },
    });
    expect(two?.connection_info).toBeNull();
    expect(odd?.connection_info).toBe("{'export': None");
  });

  test('is run again where Nova wrote its error and the owner died: the chain must be put right', async () => {
    const at = world({ ...creating, status: 'error' }, attached);
    at.driver.fails.set('snapshots.create', new CinderError('RemoteFSException', {}));
    await at.carry('create_snapshot', request);
    expect(at.driver.calls).toHaveLength(1);
    expect(row(at)?.status).toBe('error');
    expect(at.db.tables.messages).toMatchObject([{ action_id: '009', detail_id: '013' }]);
  });

  test('ends in error where Nova writes that before it does', async () => {
    const at = world(creating, attached);
    at.driver.fails.set('snapshots.create', new CinderError('RemoteFSException', {}));
    at.driver.hook = (name, when) => {
      if (name !== 'driver.snapshots.create' || when !== 'before') return;
      at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ ...creating, status: 'error' });
    };
    await at.carry('create_snapshot', request);
    expect(row(at)?.status).toBe('error');
    expect(at.db.tables.messages).toHaveLength(1);
  });

  test('writes nothing over a status that somebody else set meanwhile', async () => {
    const at = world(creating);
    at.driver.hook = (name, when) => {
      if (name !== 'driver.snapshots.create' || when !== 'after') return;
      at.db.tables.snapshots[SNAPSHOT] = snapshotRow({ status: 'deleting' });
    };
    await at.carry('create_snapshot', request);
    expect(row(at)?.status).toBe('deleting');
    expect(at.idle).toBe('the snapshot is deleting');
    expect(at.events()).toEqual([]);
  });
});

describe('delete_snapshot', () => {
  const deleting = { status: 'deleting' };

  test('takes it from chain, quota and database under the locks of all snapshots of its volume', async () => {
    const at = world(deleting);
    at.driver.files.set(SNAPSHOT, 'delta');
    at.db.tables.values[`glance ${SNAPSHOT}`] = { image_id: 'img' };
    await at.carry('delete_snapshot', { ...request, unmanage_only: false });
    expect(row(at)).toMatchObject({ status: 'deleted', deleted: true });
    expect(at.driver.files.has(SNAPSHOT)).toBe(false);
    expect(at.db.tables.values[`glance ${SNAPSHOT}`]).toBeUndefined();
    expect(at.db.tables.values[`admin_metadata ${SOURCE}`]).toEqual({ format: 'raw' });
    expect(at.db.tables.quotas).toEqual({
      'project snapshots': 1,
      'project gigabytes': 6,
      'project snapshots_gold': 1,
      'project gigabytes_gold': 6,
    });
    expect(at.locks).toEqual([`${SNAPSHOT}-delete_snapshot`, `${SNAPSHOT_2}-delete_snapshot`, `nfs-${SOURCE}`]);
    expect(at.events()).toEqual(['snapshot.delete.start', 'snapshot.delete.end']);
    expect(at.db.tables.outbox[1]?.payload).toMatchObject({ status: 'deleted', deleted: 'True' });
  });

  test('gives back numbers only, where sizes of snapshots are not counted', async () => {
    const at = await world(deleting, {}, { noSnapshotGbQuota: true }).carry('delete_snapshot', request);
    expect(at.db.tables.quotas).toEqual({ ...quotas, 'project snapshots': 1, 'project snapshots_gold': 1 });
  });

  test('gives back nothing for a snapshot that nobody pays for', async () => {
    const at = await world({ ...deleting, use_quota: false }).carry('delete_snapshot', request);
    expect(row(at)?.deleted).toBe(true);
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  test.each([
    ['gone', { deleted: true, status: 'deleted' }],
    ['busy, as an earlier settlement said', { status: 'available' }],
    ['in error, as an earlier settlement said', { status: 'error_deleting' }],
  ])('leaves alone a snapshot that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('delete_snapshot', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  test.each([
    ['is busy', new CinderError('SnapshotIsBusy', { snapshot_name: 's' }), 'available', '015'],
    ['fails', new CinderError('NfsException', {}), 'error_deleting', '016'],
  ])('of one that %s', async (_what, error, status, detail_id) => {
    const at = world(deleting);
    at.driver.fails.set('snapshots.remove', error);
    await at.carry('delete_snapshot', request);
    expect(row(at)?.status).toBe(status);
    expect(at.db.tables.messages).toMatchObject([{ action_id: '010', detail_id, resource_uuid: SNAPSHOT }]);
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.events()).toEqual(['snapshot.delete.start']);
  });

  test.each([
    ['on another backend, where a driver would find nothing', { host: 'x@y#z' }, request, {}, '016'],
    ['that is unmanaged without a driver', {}, { ...request, unmanage_only: true }, { ready: false }, '002'],
    ['without a driver', {}, request, { ready: false }, '002'],
  ])('refuses one %s', async (_what, volume, args, options, detail_id) => {
    const at = await world(deleting, volume, options).carry('delete_snapshot', args);
    expect(row(at)?.status).toBe('error_deleting');
    expect(at.db.tables.messages).toMatchObject([{ detail_id }]);
    expect(at.driver.calls).toEqual([]);
  });
});
