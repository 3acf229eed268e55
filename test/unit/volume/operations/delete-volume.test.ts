import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../../../../src/db/database.ts';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Snapshot, Volume } from '../../../../src/domain/rows.ts';
import { HOST, SNAPSHOT, SNAPSHOT_2, VOLUME, goldType, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { volume: { id: VOLUME }, unmanage_only: false, cascade: false };
const cascade = { ...request, cascade: true };

const quotas = {
  'project volumes': 5,
  'project gigabytes': 20,
  'project volumes_gold': 4,
  'project gigabytes_gold': 15,
  'project snapshots': 3,
  'project snapshots_gold': 3,
};

function world(
  row: Partial<Volume> = {},
  snapshots: readonly Snapshot[] = [],
  options: Partial<WorldOptions> = {},
): World {
  return new World({
    files: { [VOLUME]: 'data', ...Object.fromEntries(snapshots.map(({ id }) => [id, 'delta'])) },
    tables: {
      volumes: { [VOLUME]: madeVolume({ status: 'deleting', ...row }) },
      snapshots: Object.fromEntries(snapshots.map((one) => [one.id, one])),
      volumeTypes: { [goldType.id]: goldType },
      values: { [`glance ${SNAPSHOT}`]: { image_id: 'img' } },
      quotas,
    },
    ...options,
  });
}

const row = (at: World): Volume | undefined => at.db.tables.volumes[VOLUME];
const own = (id: string, status = 'deleting'): Snapshot => snapshotRow({ id, volume_id: VOLUME, status });

describe('delete_volume', () => {
  test('removes file and row, gives the quota back and tells of it', async () => {
    const at = await world().carry('delete_volume', request);
    expect(row(at)).toMatchObject({ status: 'deleted', deleted: true });
    expect(at.driver.files.size).toBe(0);
    expect(at.db.tables.quotas).toEqual({
      ...quotas,
      'project volumes': 4,
      'project gigabytes': 17,
      'project volumes_gold': 3,
      'project gigabytes_gold': 12,
    });
    expect(at.db.tables.workers).toEqual({});
    expect(at.events()).toEqual(['volume.delete.start', 'volume.delete.end']);
    expect(at.db.tables.outbox.map(({ payload }) => [payload['publisher_id'], payload['status']])).toEqual([
      [`volume.${HOST}`, 'deleting'],
      [`volume.${HOST}`, 'deleted'],
    ]);
    expect(at.locks).toEqual([VOLUME, `${VOLUME}-delete_volume`, `nfs-${VOLUME}`]);
    expect(at.reports).toBe(1);
  });

  test.each([
    ['use_quota', { use_quota: false }, {}],
    ['migration_status', { migration_status: `target:${SNAPSHOT}` }, {}],
    ['temporary', {}, { temporary: 'True' }],
  ])(
    'gives back nothing for a volume that by its %s nobody pays for, whatever its status',
    async (_by, changes, admin) => {
      const at = world({ status: 'available', ...changes });
      at.db.tables.values[`admin_metadata ${VOLUME}`] = admin;
      await at.carry('delete_volume', request);
      expect(row(at)?.deleted).toBe(true);
      expect(at.db.tables.quotas).toEqual(quotas);
      expect(at.events()).toEqual([]);
    },
  );

  test('gives back nothing for a volume whose taking-in failed', async () => {
    const at = await world({ status: 'error_managing_deleting', size: 0 }).carry('delete_volume', request);
    expect(row(at)?.deleted).toBe(true);
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.outbox[0]?.payload['status']).toBe('deleting');
  });

  test.each([
    ['gone', { deleted: true, status: 'deleted' }],
    ['busy, as an earlier settlement said', { status: 'available' }],
    ['in error, as an earlier settlement said', { status: 'error_deleting' }],
  ])('leaves alone a volume that is %s', async (_what, changes) => {
    const at = world(changes);
    const before = structuredClone(row(at));
    await at.carry('delete_volume', request);
    expect(row(at)).toEqual(before);
    expect(at.driver.calls).toEqual([]);
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.db.tables.workers).toEqual({});
  });

  test.each([
    ['attached', { attach_status: 'attached' }, request, 'error_deleting', []],
    [
      'attached and unmanaged',
      { attach_status: 'attached', status: 'unmanaging' },
      { ...request, unmanage_only: true },
      'error_unmanaging',
      [],
    ],
    [
      'encrypted and unmanaged',
      { status: 'unmanaging', encryption_key_id: 'key' },
      { ...request, unmanage_only: true },
      'error_unmanaging',
      [],
    ],
    [
      'unmanaged with its snapshots',
      { status: 'unmanaging' },
      { ...cascade, unmanage_only: true },
      'error_unmanaging',
      [],
    ],
  ])('refuses a volume that is %s', async (_what, changes, args, status, events) => {
    const at = await world(changes).carry('delete_volume', args);
    expect(row(at)?.status).toBe(status);
    expect(at.db.tables.entry.outcome).toBe('refused');
    expect(at.driver.files.has(VOLUME)).toBe(true);
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.events()).toEqual(events);
  });

  test("leaves another backend's volume to that backend", async () => {
    const at = await world({ host: 'ctl@other#pool' }).carry('delete_volume', request);
    expect(row(at)?.status).toBe('deleting');
    expect(at.db.tables.entry.outcome).toBe('refused');
    expect(at.driver.calls).toEqual([]);
  });

  test('is refused, and changes nothing, while there are snapshots', async () => {
    const at = await world({}, [own(SNAPSHOT, 'available')]).carry('delete_volume', request);
    expect(row(at)?.status).toBe('available');
    expect(at.driver.calls).toEqual([]);
  });

  test.each([
    ['busy', new CinderError('VolumeIsBusy', { volume_name: 'v' }), 'available'],
    ['failing', new CinderError('NfsException', {}), 'error_deleting'],
  ])('of a %s volume', async (_what, error, status) => {
    const at = world();
    at.driver.fails.set('remove', error);
    await at.carry('delete_volume', request);
    expect(row(at)?.status).toBe(status);
    expect(at.db.tables.quotas).toEqual(quotas);
    expect(at.db.tables.workers).toEqual({});
    expect(at.events()).toEqual(['volume.delete.start']);
  });

  test('takes a migration target from the database even where its file stays', async () => {
    const at = world({ migration_status: 'target:x', status: 'error' });
    at.driver.fails.set('remove', new CinderError('NfsException', {}));
    await at.carry('delete_volume', request);
    expect(row(at)?.deleted).toBe(true);
  });

  test('gives nothing back for a row that somebody else removed meanwhile', async () => {
    const at = world({}, [own(SNAPSHOT)]);
    at.driver.hook = (name, when) => {
      if (when === 'before' || !name.endsWith('remove')) return;
      at.db.tables.volumes[VOLUME] = madeVolume({ status: 'deleted', deleted: true });
      at.db.tables.snapshots[SNAPSHOT] = { ...own(SNAPSHOT), deleted: true };
    };
    await at.carry('delete_volume', cascade);
    expect(at.db.tables.entry.outcome).toBe('done');
    expect(at.db.tables.quotas).toEqual(quotas);
  });

  test('without a driver ends in error', async () => {
    const at = await world({}, [], { ready: false }).carry('delete_volume', request);
    expect(row(at)?.status).toBe('error_deleting');
  });

  describe('with its snapshots', () => {
    const both = [own(SNAPSHOT), own(SNAPSHOT_2)];

    test('removes all of them under all of their locks', async () => {
      const at = await world({}, both).carry('delete_volume', cascade);
      expect(row(at)?.deleted).toBe(true);
      expect(Object.values(at.db.tables.snapshots).every(({ deleted }) => deleted)).toBe(true);
      expect(at.driver.calls).toEqual([
        `snapshots.remove ${SNAPSHOT}`,
        `snapshots.remove ${SNAPSHOT_2}`,
        `remove ${VOLUME}`,
      ]);
      expect(at.db.tables.quotas).toEqual({
        'project volumes': 4,
        'project gigabytes': 20 - 3 - 3 - 3,
        'project volumes_gold': 3,
        'project gigabytes_gold': 15 - 3 - 3 - 3,
        'project snapshots': 1,
        'project snapshots_gold': 1,
      });
      expect(at.db.tables.values).toEqual({});
      expect(at.events()).toEqual([
        'snapshot.delete.start',
        'snapshot.delete.end',
        'snapshot.delete.start',
        'snapshot.delete.end',
        'volume.delete.start',
        'volume.delete.end',
      ]);
      const manager = [`${VOLUME}-delete_volume`, `${SNAPSHOT}-delete_snapshot`, `${SNAPSHOT_2}-delete_snapshot`];
      expect(at.locks).toEqual([VOLUME, ...manager, `nfs-${VOLUME}`]);
    });

    test('touches nothing unless all of them are to be deleted', async () => {
      const at = await world({}, [own(SNAPSHOT), own(SNAPSHOT_2, 'available')]).carry('delete_volume', cascade);
      expect(row(at)?.status).toBe('error_deleting');
      expect(at.driver.calls).toEqual([]);
    });

    test('goes on where the database was away before a commit point of one: nothing is known of it', async () => {
      const at = world({}, both);
      const away = new DatabaseError('database: read ECONNRESET', { outcome: 'not-started' });
      at.driver.failsOnce.set(`snapshots.remove ${SNAPSHOT_2}`, away);
      await at.carry('delete_volume', cascade);
      expect(at.attempts).toBe(2);
      expect(row(at)).toMatchObject({ status: 'deleted', deleted: true });
      expect(at.db.tables.snapshots[SNAPSHOT_2]?.deleted).toBe(true);
    });

    test.each([
      ['fails', new CinderError('NfsException', {}), 'error_deleting', 'error_deleting', '016'],
      ['is busy', new CinderError('SnapshotIsBusy', { snapshot_name: 's' }), 'available', 'available', '015'],
    ])('stops at one that %s, the earlier ones being gone', async (_what, error, snapshot, volume, detail_id) => {
      const at = world({}, both);
      at.driver.fails.set(`snapshots.remove ${SNAPSHOT_2}`, error);
      await at.carry('delete_volume', cascade);
      expect(row(at)?.status).toBe(volume);
      expect(at.db.tables.snapshots[SNAPSHOT]?.deleted).toBe(true);
      expect(at.db.tables.snapshots[SNAPSHOT_2]?.status).toBe(snapshot);
      expect(at.db.tables.quotas).toMatchObject({
        'project volumes': 5,
        'project snapshots': 2,
        'project gigabytes': 17,
      });
      expect(at.db.tables.messages).toMatchObject([{ resource_uuid: SNAPSHOT_2, action_id: '010', detail_id }]);
    });
  });
});
