import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('groups on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes', 'snapshots', 'groups', 'group_snapshots', 'group_volume_type_mapping');

  async function group(row: object = {}): Promise<string> {
    const id = randomUUID();
    await fixture.db.groups.create({ id, status: 'creating', project_id: 'p', host: 'h@nfs#p', ...row });
    return id;
  }

  describe('groups', () => {
    it('are found until they are destroyed, once, with the mapping of their volume types', async () => {
      const type = one(await fixture.sql<{ id: string }>(`select id from volume_types where name = '__DEFAULT__'`));
      const id = randomUUID();
      await fixture.db.groups.create({ id, status: 'deleting' }, [type.id]);
      expect(await fixture.db.groups.get(id)).toMatchObject({ id, status: 'deleting', updated_at: null });
      const mapped = (): Promise<{ deleted: string; deleted_at: string | null }[]> =>
        fixture.sql('select deleted, deleted_at from group_volume_type_mapping where group_id = ?', [id]);
      expect(await mapped()).toMatchObject([{ deleted_at: null }]);
      expect(await fixture.db.groups.destroy(id)).toBe(1);
      expect(await fixture.db.groups.destroy(id)).toBe(0);
      expect(await fixture.db.groups.get(id)).toBeNull();
      expect(one(await mapped()).deleted_at).toMatch(/^\d{4}-/);
      expect(await fixture.sql('select status, updated_at from "groups"')).toEqual([
        { status: 'deleted', updated_at: null },
      ]);
    });

    it('change only from the expected values', async () => {
      const id = await group();
      expect(await fixture.db.groups.update(id, { status: 'available' }, { status: 'updating' })).toBe(0);
      expect(await fixture.db.groups.update(id, { status: 'available' }, { status: 'creating' })).toBe(1);
      const changed = await fixture.db.groups.get(id);
      expect(changed?.status).toBe('available');
      expect(changed?.updated_at).toMatch(/\.\d{6}$/);
    });

    it('have the volumes that name them and are not deleted', async () => {
      const id = await group();
      const [first, second, other] = [randomUUID(), randomUUID(), randomUUID()];
      for (const [volume, group_id] of [
        [first, id],
        [second, id],
        [other, null],
      ] as const) {
        await fixture.db.volumes.create({ id: volume, group_id, size: 1, host: 'h@nfs#p' });
      }
      expect(new Set(await fixture.db.groups.volumeIds(id))).toEqual(new Set([first, second]));
      await fixture.db.volumes.destroy(first);
      expect(await fixture.db.groups.volumeIds(id)).toEqual([second]);
    });

    it('tell the name of their type', async () => {
      const { id } = one(
        await fixture.sql<{ id: string }>(`select id from group_types where name = 'default_cgsnapshot_type'`),
      );
      expect(await fixture.db.groups.typeName(id)).toBe('default_cgsnapshot_type');
      expect(await fixture.db.groups.typeName(randomUUID())).toBeNull();
    });
  });

  describe('group snapshots', () => {
    it('have the snapshots that name them, until they are destroyed, once', async () => {
      const groupId = await group();
      const id = randomUUID();
      await fixture.db.groupSnapshots.create({ id, group_id: groupId, status: 'creating' });
      const volume = randomUUID();
      await fixture.db.volumes.create({ id: volume, group_id: groupId, size: 1, host: 'h@nfs#p' });
      const [own, other] = [randomUUID(), randomUUID()];
      await fixture.db.snapshots.create({ id: own, volume_id: volume, group_snapshot_id: id, status: 'creating' });
      await fixture.db.snapshots.create({ id: other, volume_id: volume, status: 'creating' });
      expect(await fixture.db.groupSnapshots.snapshotIds(id)).toEqual([own]);
      expect(await fixture.db.groupSnapshots.update(id, { status: 'available' }, { status: 'deleting' })).toBe(0);
      expect(await fixture.db.groupSnapshots.update(id, { status: 'available' }, { status: 'creating' })).toBe(1);
      expect(await fixture.db.groupSnapshots.get(id)).toMatchObject({ status: 'available', group_id: groupId });
      await fixture.db.snapshots.destroy(own);
      expect(await fixture.db.groupSnapshots.snapshotIds(id)).toEqual([]);
      expect(await fixture.db.groupSnapshots.destroy(id)).toBe(1);
      expect(await fixture.db.groupSnapshots.destroy(id)).toBe(0);
      expect(await fixture.db.groupSnapshots.get(id)).toBeNull();
    });
  });

  describe('what waits', () => {
    it('is listed by backend and status: groups, their snapshots, and volumes that migrate', async () => {
      const [group, elsewhere, shot, volume] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
      const place = { host: 'h@waits#p', status: 'deleting' };
      await fixture.db.groups.create({ id: group, ...place });
      await fixture.db.groups.create({ id: elsewhere, ...place, host: 'h@other#p' });
      await fixture.db.groupSnapshots.create({ id: shot, group_id: group, status: 'creating' });
      await fixture.db.volumes.create({ id: volume, ...place, migration_status: 'target:x' });
      await fixture.db.volumes.create({ id: randomUUID(), ...place, migration_status: 'success' });
      const of = { backend: 'h@waits', limit: 10 };
      expect(await fixture.db.groups.list({ ...of, statuses: ['deleting'] })).toMatchObject([{ id: group }]);
      expect(await fixture.db.groups.list({ ...of, statuses: ['creating'] })).toEqual([]);
      expect(await fixture.db.groups.list({ ...of, olderThanMs: 60_000 })).toEqual([]);
      expect(await fixture.db.groupSnapshots.list({ ...of, statuses: ['creating'] })).toMatchObject([{ id: shot }]);
      expect(await fixture.db.volumes.list({ ...of, isMigrating: true })).toMatchObject([{ id: volume }]);
    });
  });
});
