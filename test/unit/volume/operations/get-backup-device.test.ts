import { describe, expect, it } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { Backup, Volume } from '../../../../src/domain/rows.ts';
import { BACKUP, HOST, SNAPSHOT, SOURCE, backupRow, madeVolume, snapshotRow } from './rows.ts';
import { World, type WorldOptions } from './world.ts';

const request = { backup: { id: BACKUP }, want_objects: true, async_call: true };
const inUse = { status: 'backing-up', previous_status: 'in-use' };

function world(volume: Partial<Volume>, backup: Partial<Backup> = {}, options: Partial<WorldOptions> = {}): World {
  const tables = {
    volumes: { [SOURCE]: madeVolume({ id: SOURCE, ...volume }) },
    snapshots: { [SNAPSHOT]: snapshotRow({ status: 'backing-up' }) },
    backups: { [BACKUP]: backupRow(backup) },
  };
  return new World({ tables, files: { [SOURCE]: 'data' }, ...options });
}

const temporary = (at: World): Volume | undefined =>
  Object.values(at.db.tables.volumes).find(({ id }) => id !== SOURCE);

describe('get_backup_device', () => {
  it('lets a volume that nobody uses be read itself', async () => {
    const at = await world({ status: 'backing-up', previous_status: 'available' }).carry('get_backup_device', request);
    const [cast, ...more] = at.db.tables.outbox;
    expect(more).toEqual([]);
    expect(cast).toMatchObject({
      topic: 'cinder-backup.continue_backup',
      server: 'backup-host',
      payload: {
        version: '2.0',
        args: { backup: { id: BACKUP }, backup_device: { volume: SOURCE, status: 'backing-up', secure: true } },
      },
    });
    expect([at.driver.calls, temporary(at)]).toEqual([[], undefined]);
  });

  it.each([
    ['a volume in use', {}, `copy of ${SOURCE}`, [`${SOURCE}-delete_volume`]],
    ['a snapshot', { snapshot_id: SNAPSHOT }, `copy of ${SNAPSHOT}`, [`${SNAPSHOT}-delete_snapshot`]],
  ])(
    'makes a copy of %s, which counts against no quota and is known to the backup',
    async (_what, row, content, lock) => {
      const at = await world(inUse, row).carry('get_backup_device', request);
      const copy = temporary(at);
      const id = copy?.id ?? '';
      expect(copy).toMatchObject({
        ...{ status: 'backing-up', use_quota: false, display_name: `backup-vol-${SOURCE}`, size: 3 },
        ...{ host: `${HOST}#pool`, provider_location: 'server:/share', shared_targets: false, project_id: 'project' },
      });
      expect(at.db.tables.values[`admin_metadata ${id}`]).toEqual({ temporary: 'True', format: 'raw' });
      expect(at.driver.files.get(id)).toBe(content);
      expect(at.db.tables.backups[BACKUP]).toMatchObject({ temp_volume_id: id, status: 'creating' });
      expect(at.db.tables.outbox[0]?.payload).toMatchObject({ args: { backup_device: { volume: id } } });
      expect(at.locks).toEqual(expect.arrayContaining([...lock, `nfs-${SOURCE}`, `nfs-${id}`, `${id}-delete_volume`]));
      expect(at.db.tables.quotas).toEqual({});
    },
  );

  it('never replaces a copy that may be being read', async () => {
    const at = await world(inUse).carry('get_backup_device', request);
    at.db.tables.entry = { outcome: null, detail: null };
    await at.carry('get_backup_device', request);
    expect(at.driver.calls.filter((call) => call.startsWith('clone'))).toHaveLength(1);
  });

  it('gives up so that nobody has to clean up: the backup says why, the volume is what it was', async () => {
    const at = world(inUse);
    at.driver.fails.set('clone', new CinderError('RemoteFSException', {}, { message: 'no room' }));
    await at.carry('get_backup_device', request);
    expect(at.db.tables.backups[BACKUP]).toMatchObject({
      ...{ status: 'error', fail_reason: 'no room', temp_volume_id: null },
    });
    expect(at.db.tables.volumes[SOURCE]).toMatchObject({ status: 'in-use', previous_status: 'error_backing-up' });
    expect(temporary(at)).toMatchObject({ deleted: true });
    expect([at.driver.files.size, at.db.tables.outbox]).toEqual([1, []]);
  });

  it('gives a snapshot back, and keeps the row of a copy that cannot be removed', async () => {
    const at = world({ status: 'available' }, { snapshot_id: SNAPSHOT });
    at.driver.fails.set('clone', new CinderError('RemoteFSException', {}));
    at.driver.fails.set('remove', new CinderError('RemoteFSException', {}));
    await at.carry('get_backup_device', request);
    expect(at.db.tables.snapshots[SNAPSHOT]?.status).toBe('available');
    expect(at.db.tables.volumes[SOURCE]?.status).toBe('available');
    expect(temporary(at)).toMatchObject({ status: 'error_deleting', deleted: false });
    expect(at.db.tables.backups[BACKUP]?.temp_volume_id).toBe(temporary(at)?.id);
  });

  it.each([
    ['a volume of another backend', { host: 'other@nfs#pool' }, {}],
    ['a driver that is not ready', {}, { ready: false }],
  ])('refuses %s', async (_what, volume, options) => {
    const at = await world({ ...inUse, ...volume }, {}, options).carry('get_backup_device', request);
    expect(at.db.tables.backups[BACKUP]?.status).toBe('error');
    expect(temporary(at)).toBeUndefined();
  });

  it('leaves a backup alone that its service has given up, or that is gone', async () => {
    for (const row of [{ status: 'error' }, { deleted: true }]) {
      const at = await world(inUse, row).carry('get_backup_device', request);
      expect([at.idle === null, at.driver.calls, at.db.tables.outbox]).toEqual([false, [], []]);
    }
  });
});
