import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { engines, one, startFixture, type Fixture } from './fixture.ts';

describe.each(engines)('on %s', (engine) => {
  let fixture: Fixture;

  beforeAll(async () => {
    fixture = await startFixture(engine);
  });
  afterAll(() => fixture.close());
  beforeEach(async () => {
    await fixture.empty(
      'volumes',
      'snapshots',
      'groups',
      'group_snapshots',
      'group_volume_type_mapping',
      'workers',
      'services',
      'clusters',
    );
  });

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

  describe('the rows of services', () => {
    it('and of clusters take the same changes; only what is given changes', async () => {
      const registration = {
        ...{ host: 'h@nfs', binary: 'cinder-volume', topic: 'cinder-volume', availabilityZone: 'nova' },
        ...{ rpcVersion: '3.18', objectVersion: '1.39', clusterName: 'c@nfs', disabledIfNew: false },
      };
      const { service } = await fixture.db.services.register(registration);
      await fixture.db.clusters.ensure('c@nfs', 'cinder-volume', service);
      const changes = { disabled: true, disabled_reason: 'failed-over', active_backend_id: 'b' } as const;
      await fixture.db.services.update(service.id, changes);
      await fixture.db.clusters.update('c@nfs', 'cinder-volume', changes);
      const kept = { ...changes, replication_status: 'not-capable', frozen: false };
      expect(await fixture.db.services.get(service.id)).toMatchObject(kept);
      expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toMatchObject(kept);
      const members = { cluster: 'c@nfs', binary: 'cinder-volume' };
      const thawed = { disabled: false, disabled_reason: '' };
      await fixture.db.services.updateMembers(members, thawed, { disabled_reason: 'frozen' });
      expect(await fixture.db.services.get(service.id)).toMatchObject({ disabled: true });
      await fixture.db.services.updateMembers(members, thawed, { disabled_reason: 'failed-over' });
      expect(await fixture.db.services.get(service.id)).toMatchObject(thawed);
      await fixture.db.services.updateMembers({ ...members, cluster: 'd@nfs' }, changes, { disabled: false });
      expect(await fixture.db.services.get(service.id)).toMatchObject(thawed);
      await fixture.db.clusters.update('c@nfs', 'cinder-volume', { disabled_reason: null });
      expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toMatchObject({ ...kept, disabled_reason: null });
    });
  });

  describe('a stale workers row', () => {
    it('goes, unless somebody has written it since', async () => {
      const { service } = await fixture.db.services.register({
        ...{ host: 'h@nfs', binary: 'cinder-volume', topic: 'cinder-volume', availabilityZone: 'nova' },
        ...{ rpcVersion: '3.18', objectVersion: '1.39', clusterName: null, disabledIfNew: false },
      });
      const id = randomUUID();
      await fixture.db.workers.create('Volume', id, 'creating');
      await fixture.sql('update workers set service_id = ?', [service.id]);
      expect(await fixture.db.workers.find('Volume', id)).toMatchObject({ resource_id: id });
      expect(await fixture.db.workers.find('Snapshot', id)).toBeNull();
      const read = one(await fixture.db.workers.ofService(service.id));
      await fixture.db.workers.setStatus('Volume', id, 'downloading');
      await fixture.db.workers.dropStale(read);
      const now = one(await fixture.db.workers.ofService(service.id));
      await fixture.db.workers.dropStale(now);
      expect(await fixture.db.workers.ofService(service.id)).toEqual([]);
    });
  });
});
