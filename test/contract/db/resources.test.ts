import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/domain/rows.ts';
import { now } from '../../../src/db/ports/resources.ts';
import { engines, gate, one, startFixture, type Fixture } from './fixture.ts';

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
      'quota_usages',
      'quotas',
      'reservations',
      'services',
      'clusters',
      'groups',
      'messages',
      'volume_metadata',
      'volume_admin_metadata',
      'snapshot_metadata',
      'volume_glance_metadata',
      'volume_attachment',
      'transfers',
      'image_volume_cache_entries',
      'consistencygroups',
    );
  });

  async function volume(row: Partial<Volume> = {}): Promise<Volume> {
    const id = row.id ?? randomUUID();
    await fixture.db.volumes.create({ id, status: 'creating', size: 1, host: 'h@nfs#p', project_id: 'p', ...row });
    const made = await fixture.db.volumes.get(id);
    if (made === null) throw new Error('no volume');
    return made;
  }

  describe('volumes', () => {
    it('are made with the defaults of upstream, and of the default type', async () => {
      const made = await volume();
      expect(made).toMatchObject({
        bootable: false,
        multiattach: false,
        attach_status: 'detached',
        use_quota: true,
        deleted: false,
        updated_at: null,
      });
      expect((await fixture.db.volumeTypes.get(made.volume_type_id ?? ''))?.name).toBe('__DEFAULT__');
      expect((await fixture.db.volumeTypes.byName('__DEFAULT__'))?.extra_specs).toEqual({});
      expect(await fixture.db.volumeTypes.byName('none')).toBeNull();
    });

    it('change only from the expected values, null and lists included', async () => {
      const { id } = await volume();
      const { update } = { update: fixture.db.volumes.update.bind(fixture.db.volumes) };
      expect(await update(id, { status: 'available' }, { status: ['deleting', 'error'] })).toBe(0);
      expect(await update(id, { status: 'available' }, { status: 'creating', migration_status: null })).toBe(1);
      expect(await update(id, { size: 2 }, { migration_status: ['migrating', null], status: ['available'] })).toBe(1);
      expect(await update(id, { size: 3 }, { status: [] })).toBe(0);
      expect(await update(randomUUID(), { size: 3 })).toBe(0);
      expect(await fixture.db.volumes.get(id)).toMatchObject({ status: 'available', size: 2 });
    });

    it('compare timestamps as they were read, as texts', async () => {
      const { id } = await volume();
      await fixture.db.volumes.update(id, { launched_at: now });
      for (const text of ['2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.120000', '2026-01-02 03:04:05.000000']) {
        expect(await fixture.db.volumes.update(id, { launched_at: text })).toBe(1);
        const read = await fixture.db.volumes.get(id);
        // Upstream's columns keep whole seconds on MariaDB.
        expect(read?.launched_at).toBe(engine === 'postgres' ? text : '2026-01-02 03:04:05.000000');
        const expected = { launched_at: read?.launched_at ?? '', updated_at: read?.updated_at ?? '' };
        expect(expected.updated_at).toMatch(/\.\d{6}$/);
        expect(await fixture.db.volumes.update(id, { size: 5 }, expected)).toBe(1);
        await fixture.backdate('volumes', 'updated_at', 1);
        expect(await fixture.db.volumes.update(id, { size: 5 }, expected)).toBe(0);
      }
    });

    it('set the clock of the database in UTC, whatever the zone of process and role', async () => {
      const { id } = await volume();
      await fixture.db.volumes.update(id, { launched_at: now });
      const { age } = one(
        await fixture.sql<{ age: string }>(
          fixture.engine === 'postgres'
            ? `select extract(epoch from (now() at time zone 'utc') - launched_at) as age from volumes`
            : 'select timestampdiff(second, launched_at, utc_timestamp()) as age from volumes',
        ),
      );
      expect(Math.abs(Number(age))).toBeLessThan(5);
    });

    it('let one of many comparisons win', async () => {
      const { id } = await volume();
      const counts = await Promise.all(
        Array.from({ length: 10 }, () =>
          fixture.db.volumes.update(id, { status: 'available' }, { status: 'creating' }),
        ),
      );
      expect(counts.toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    });

    it('take what hangs on them along when destroyed, and keep updated_at and the others statuses', async () => {
      const { id } = await volume({ migration_status: 'success' });
      await fixture.db.snapshots.create({ id: 's', volume_id: id, status: 'available' });
      await fixture.db.volumes.mergeMetadata(id, 'metadata', { a: '1' });
      await fixture.db.volumes.mergeMetadata(id, 'admin_metadata', { b: '2' });
      await fixture.sql(
        `insert into volume_attachment (id, volume_id, attach_status, deleted) values ('a', ?, 'x', false)`,
        [id],
      );
      await fixture.sql(
        `insert into volume_glance_metadata (volume_id, "key", value, deleted) values (?, 'k', 'v', false)`,
        [id],
      );
      await fixture.db.volumes.destroy(id);
      await fixture.db.volumes.destroy(id);
      expect(await fixture.db.volumes.get(id)).toBeNull();
      expect(await fixture.db.volumes.update(id, { status: 'available' })).toBe(0);
      expect(await fixture.db.volumes.anyExists()).toBe(false);
      expect(one(await fixture.sql('select status, migration_status, updated_at, deleted_at from volumes'))).toEqual({
        status: 'deleted',
        migration_status: null,
        updated_at: null,
        deleted_at: expect.stringMatching(/^20/) as string,
      });
      expect(one(await fixture.sql('select status, deleted from snapshots'))).toEqual({
        status: 'available',
        deleted: 't',
      });
      expect(one(await fixture.sql('select attach_status, deleted from volume_attachment'))['deleted']).toBe('t');
      expect(await fixture.db.volumes.metadata(id, 'metadata')).toEqual({});
      expect(await fixture.db.volumes.metadata(id, 'admin_metadata')).toEqual({});
      expect(await fixture.db.glanceMetadata.of({ volumeId: id })).toEqual({});
      expect(await fixture.db.attachments.ofVolume(id)).toEqual([]);
    });

    it('merge metadata: other keys stay, null removes, a key is never twice', async () => {
      const { id } = await volume();
      await fixture.db.volumes.mergeMetadata(id, 'metadata', { a: '1', b: '2', gone: null });
      await Promise.all(
        ['x', 'y', 'z'].map((value) =>
          fixture.db.volumes.mergeMetadata(id, 'metadata', { a: null, b: value, c: value }),
        ),
      );
      const metadata = await fixture.db.volumes.metadata(id, 'metadata');
      expect(Object.keys(metadata).toSorted()).toEqual(['b', 'c']);
      expect(metadata['b']).toBe(metadata['c']);
      expect(await fixture.sql('select 1 from volume_metadata where deleted = false')).toHaveLength(2);
      expect(await fixture.db.volumes.metadata(id, 'admin_metadata')).toEqual({});
    });

    it('are listed by backend, status and age, page by page', async () => {
      const ours = [
        await volume(),
        await volume({ host: 'h@nfs' }),
        await volume({ host: 'other@nfs#p', cluster_name: 'h@nfs#p' }),
      ];
      await volume({ host: 'h@nfs2#p' });
      await volume({ host: 'h@nf_#p' });
      const ids = ours.map(({ id }) => id).toSorted();
      const list = async (more = {}) =>
        (await fixture.db.volumes.list({ backend: 'h@nfs', limit: 10, ...more })).map(({ id }) => id);
      expect(await list()).toEqual(ids);
      expect(await list({ limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await list({ after: ids[1] })).toEqual(ids.slice(2));
      expect(await list({ statuses: ['creating'] })).toEqual(ids);
      expect(await list({ statuses: ['deleting'] })).toEqual([]);
      expect(await list({ olderThanMs: 60_000 })).toEqual([]);
      await fixture.backdate('volumes', 'created_at', 120, `id = '${ids[0]}'`);
      expect(await list({ olderThanMs: 60_000 })).toEqual([ids[0]]);
      expect(await fixture.db.volumes.list({ backend: 'h@nf_', limit: 10 })).toHaveLength(1);
    });

    it('are found by what their files are called after', async () => {
      const [own, moved] = [await volume(), await volume({ _name_id: 'came from' })];
      await volume({ _name_id: 'elsewhere' });
      const gone = await volume();
      await fixture.db.volumes.destroy(gone.id);
      const found = await fixture.db.volumes.named([own.id, gone.id, 'came from']);
      expect(found.map(({ id }) => id).toSorted()).toEqual([own.id, moved.id].toSorted());
      expect(await fixture.db.volumes.named([])).toEqual([]);
    });

    it('add up by pool and by location', async () => {
      await volume({ size: 3, provider_location: 'srv:/a' });
      await volume({ size: 4, provider_location: 'srv:/a', host: 'h@nfs#q' });
      await volume({ size: 5, provider_location: 'srv:/b', host: 'h@nfs' });
      const gone = await volume({ size: 99, provider_location: 'srv:/a' });
      await fixture.db.volumes.destroy(gone.id);
      expect(await fixture.db.volumes.allocatedByPool('h@nfs')).toEqual(
        new Map<string | null, number>([
          ['p', 3],
          ['q', 4],
          [null, 5],
        ]),
      );
      expect(await fixture.db.volumes.provisionedByLocation(['srv:/a', 'srv:/c'])).toEqual(new Map([['srv:/a', 7]]));
    });

    it('add up quickly when there are many', async () => {
      const digits =
        '(select 0 as d union select 1 union select 2 union select 3 union select 4 union select 5 union select 6 union select 7 union select 8 union select 9)';
      await fixture.sql(`insert into volumes (id, host, size, deleted, volume_type_id)
      select a.d || '' || b.d || c.d || e.d, 'h@nfs#p' || e.d, 1, false, 't'
      from ${digits} a, ${digits} b, ${digits} c, ${digits} e`);
      const since = performance.now();
      const sums = await fixture.db.volumes.allocatedByPool('h@nfs');
      expect(performance.now() - since).toBeLessThan(1_000);
      expect([...sums.values()].reduce((a, b) => a + b)).toBe(10_000);
    });
  });

  describe('attachments', () => {
    it('are made, changed, found by volume and id, and softly deleted', async () => {
      const { id: volume_id } = await volume();
      const id = randomUUID();
      await fixture.db.attachments.create({ id, volume_id, attach_status: 'attaching' });
      expect(await fixture.db.attachments.update(id, { attach_status: 'attached', attach_time: now })).toBe(1);
      const found = await fixture.db.attachments.get(id);
      expect(found).toMatchObject({ id, volume_id, attach_status: 'attached', instance_uuid: null, deleted: false });
      expect([typeof found?.attach_time, typeof found?.updated_at]).toEqual(['string', 'string']);
      expect(await fixture.db.attachments.ofVolume(volume_id)).toEqual([found]);
      expect(await fixture.db.attachments.destroy(id)).toBe(1);
      expect(await fixture.db.attachments.destroy(id)).toBe(0);
      expect([await fixture.db.attachments.get(id), await fixture.db.attachments.ofVolume(volume_id)]).toEqual([
        null,
        [],
      ]);
      const gone = await fixture.sql('select attach_status, detach_time, deleted_at from volume_attachment');
      // Two readings of the server's clock in one statement: the same but for a microsecond.
      const time = expect.any(String) as string;
      expect(gone).toEqual([{ attach_status: 'detached', detach_time: time, deleted_at: time }]);
    });

    it('keep others from the row of a volume that is locked for them', async () => {
      const { id } = await volume();
      expect(await fixture.db.volumes.lock(randomUUID())).toBeNull();
      const [locked, free] = [gate(), gate()];
      const first = fixture.db.transaction(async (db) => {
        const row = await db.volumes.lock(id);
        locked.open();
        await free.opened;
        await db.volumes.update(id, { status: 'in-use' });
        return row?.status;
      });
      await locked.opened;
      const second = fixture.db.transaction(async (db) => (await db.volumes.lock(id))?.status);
      free.open();
      expect([await first, await second]).toEqual(['creating', 'in-use']);
    });
  });

  describe('backups', () => {
    it('change only while they are as expected', async () => {
      const [id, volumeId] = [randomUUID(), randomUUID()];
      await fixture.sql(
        `insert into backups (id, volume_id, host, status, deleted) values (?, ?, 'b', 'creating', false)`,
        [id, volumeId],
      );
      expect(await fixture.db.backups.get(id)).toMatchObject({ volume_id: volumeId, host: 'b', snapshot_id: null });
      expect(await fixture.db.backups.update(id, { status: 'error', fail_reason: 'f' }, { status: 'available' })).toBe(
        0,
      );
      expect(await fixture.db.backups.update(id, { temp_volume_id: volumeId }, { status: 'creating' })).toBe(1);
      expect(await fixture.db.backups.get(id)).toMatchObject({ temp_volume_id: volumeId, fail_reason: null });
      await fixture.sql('update backups set deleted = true');
      expect(await fixture.db.backups.get(id)).toBeNull();
    });
  });

  describe('volume types', () => {
    it('say how their volumes are encrypted, where they are', async () => {
      const typeId = (await fixture.db.volumeTypes.byName('__DEFAULT__'))?.id ?? '';
      expect(await fixture.db.volumeTypes.encryption(typeId)).toBeNull();
      const how = { cipher: 'aes-xts-plain64', key_size: 256, provider: 'luks', control_location: 'front-end' };
      const columns = 'encryption_id, volume_type_id, deleted, cipher, key_size, provider, control_location';
      await fixture.sql(`insert into encryption (${columns}) values (?, ?, false, ?, ?, ?, ?)`, [
        ...[randomUUID(), typeId],
        ...Object.values(how),
      ]);
      expect(await fixture.db.volumeTypes.encryption(typeId)).toEqual(how);
      await fixture.sql('update encryption set deleted = true');
      expect(await fixture.db.volumeTypes.encryption(typeId)).toBeNull();
      await fixture.sql('delete from encryption');
    });

    it('have specs of quality of service, where they refer to some', async () => {
      const type = await fixture.db.volumeTypes.byName('__DEFAULT__');
      expect(await fixture.db.volumeTypes.qosSpecs(type?.id ?? '')).toBeNull();
      const [typeId, root] = [randomUUID(), randomUUID()];
      const add = (id: string, specs: string | null, key: string, value: string, deleted = false): Promise<unknown> =>
        fixture.sql(
          'insert into quality_of_service_specs (id, specs_id, "key", value, deleted) values (?, ?, ?, ?, ?)',
          [id, specs, key, value, deleted],
        );
      await add(root, null, 'QoS_Specs_Name', 'q');
      await add(randomUUID(), root, 'consumer', 'both');
      await add(randomUUID(), root, 'total_iops_sec', '5');
      await add(randomUUID(), root, 'old', '1', true);
      await fixture.sql(
        'insert into volume_types (id, name, is_public, deleted, qos_specs_id) values (?, ?, true, false, ?)',
        [typeId, 'with qos', root],
      );
      expect(await fixture.db.volumeTypes.qosSpecs(typeId)).toEqual({ consumer: 'both', total_iops_sec: '5' });
      await fixture.sql('delete from volume_types where id = ?', [typeId]);
      await fixture.sql('delete from quality_of_service_specs where specs_id is not null');
      await fixture.sql('delete from quality_of_service_specs');
    });
  });

  describe('snapshots', () => {
    it('are found among many by their ids', async () => {
      const { id } = await volume();
      for (const name of ['s1', 's2', 's3']) await fixture.db.snapshots.create({ id: name, volume_id: id });
      await fixture.db.snapshots.destroy('s2');
      const found = await fixture.db.snapshots.among(['s1', 's2', 'none']);
      expect(found.map((row) => row.id)).toEqual(['s1']);
      expect(await fixture.db.snapshots.among([])).toEqual([]);
    });

    it('live and die beside their volume', async () => {
      const { id, volume_type_id } = await volume();
      await fixture.db.snapshots.create({ id: 's1', volume_id: id, status: 'creating', volume_size: 1 });
      expect(await fixture.db.snapshots.get('s1')).toMatchObject({ volume_type_id, use_quota: true });
      expect(
        await fixture.db.snapshots.update('s1', { status: 'available', progress: '100%' }, { status: 'creating' }),
      ).toBe(1);
      expect(await fixture.db.snapshots.ofVolume(id)).toMatchObject([{ id: 's1', progress: '100%' }]);
      expect(await fixture.db.snapshots.list({ backend: 'h@nfs', statuses: ['available'], limit: 1 })).toHaveLength(1);
      await fixture.sql(
        `insert into snapshot_metadata (snapshot_id, "key", value, deleted) values ('s1', 'k', 'v', false)`,
      );
      expect(await fixture.db.snapshots.metadata('s1')).toEqual({ k: 'v' });
      const before = (await fixture.db.snapshots.get('s1'))?.updated_at;
      await fixture.db.snapshots.destroy('s1');
      expect(await fixture.db.snapshots.get('s1')).toBeNull();
      expect(await fixture.db.snapshots.metadata('s1')).toEqual({});
      const { status, updated_at } = one(await fixture.sql('select status, updated_at from snapshots'));
      expect(status).toBe('deleted');
      expect(before?.startsWith(String(updated_at))).toBe(true);
    });
  });

  describe('glance metadata', () => {
    it('is copied once, however often', async () => {
      const [from, to] = [await volume(), await volume()];
      await fixture.sql(`insert into volume_glance_metadata (volume_id, "key", value, deleted)
      values ('${from.id}', 'min_disk', '1', false), ('${from.id}', 'name', null, false)`);
      for (let turn = 0; turn < 2; turn++) {
        await fixture.db.glanceMetadata.copy({ volumeId: from.id }, { volumeId: to.id });
      }
      expect(await fixture.db.glanceMetadata.of({ volumeId: to.id })).toEqual({ min_disk: '1', name: null });
      expect(await fixture.sql('select 1 from volume_glance_metadata')).toHaveLength(4);
      await fixture.db.glanceMetadata.remove({ volumeId: to.id });
      expect(await fixture.db.glanceMetadata.of({ volumeId: to.id })).toEqual({});
    });
  });

  describe('quotas', () => {
    const inUse = async () =>
      Object.fromEntries(Object.entries(await fixture.db.quotas.usage('p')).map(([name, { inUse }]) => [name, inUse]));

    it('count what is there where no row is, the change included; else add, never below zero', async () => {
      const { id } = await volume({ size: 3 });
      await volume({ size: 7, use_quota: false });
      await volume({ size: 8, migration_status: 'target:x' });
      await fixture.db.snapshots.create({ id: 's', volume_id: id, project_id: 'p', volume_size: 3 });
      const deltas = {
        volumes: -1,
        gigabytes: -3,
        volumes___DEFAULT__: -1,
        gigabytes_other: 2,
        unheard_of: 1,
        snapshots: 0,
      };
      await fixture.db.quotas.adjust('p', deltas);
      expect(await inUse()).toEqual({
        volumes: 1,
        gigabytes: 6,
        volumes___DEFAULT__: 1,
        gigabytes_other: 0,
        unheard_of: 0,
        snapshots: 1,
      });
      await fixture.db.quotas.adjust('p', { volumes: -5, gigabytes: 1 });
      expect(await inUse()).toMatchObject({ volumes: 0, gigabytes: 7 });
    });

    it('lose no change of many at once, in whatever order they name the resources', async () => {
      const names = ['volumes', 'gigabytes', 'snapshots'];
      await Promise.all(
        Array.from({ length: 12 }, (_, at) => {
          const order = at % 2 === 0 ? names : names.toReversed();
          return fixture.db.transaction(async (db) => {
            await db.volumes.create({ id: `v${at}`, project_id: 'p', size: 2 });
            await db.snapshots.create({ id: `s${at}`, volume_id: `v${at}`, project_id: 'p', volume_size: 1 });
            await db.quotas.adjust('p', Object.fromEntries(order.map((name) => [name, name === 'gigabytes' ? 3 : 1])));
          });
        }),
      );
      expect(await inUse()).toEqual({ volumes: 12, gigabytes: 36, snapshots: 12 });
    });

    it("have the project's limits, else those of everybody; what is unlimited has none", async () => {
      await fixture.sql(`insert into quotas (created_at, deleted, project_id, resource, hard_limit) values
        ('2026-01-01', false, 'p', 'gigabytes', 7), ('2026-01-01', false, 'p', 'snapshots', -1),
        ('2026-01-01', false, 'p', 'groups', 3), ('2026-01-01', true, 'p', 'volumes', 4)`);
      const resources = ['volumes', 'gigabytes', 'snapshots', 'per_volume_gigabytes', 'gigabytes_gold'];
      expect(await fixture.db.quotas.limits('p', resources)).toEqual({ volumes: 10, gigabytes: 7 });
      expect(await fixture.db.quotas.limits('q', resources)).toEqual({ volumes: 10, snapshots: 10, gigabytes: 1000 });
    });

    it('have the configured limits where the database has none, or its class `default` is not asked', async () => {
      await fixture.sql(`insert into quotas (created_at, deleted, project_id, resource, hard_limit) values
        ('2026-01-01', false, 'p', 'gigabytes', 7), ('2026-01-01', false, 'p', 'volumes', null)`);
      const limits = { gigabytes: 50, per_volume_gigabytes: 5 };
      const rules = { noSnapshotGbQuota: false, useDefaultQuotaClass: false, limits };
      const db = await fixture.open({ quota: rules });
      const resources = ['volumes', 'gigabytes', 'per_volume_gigabytes', 'gigabytes_gold'];
      expect(await db.quotas.limits('q', resources)).toEqual(limits);
      expect(await db.quotas.limits('p', resources)).toEqual({ ...limits, gigabytes: 7 });
      expect(await db.quotas.limits('q', ['gigabytes'])).toEqual({ gigabytes: 50 });
      await fixture.sql("update quota_classes set deleted = true where resource = 'per_volume_gigabytes'");
      const both = await fixture.open({ quota: { ...rules, useDefaultQuotaClass: true } });
      expect(await both.quotas.limits('q', resources)).toEqual({
        volumes: 10,
        gigabytes: 1000,
        per_volume_gigabytes: 5,
      });
      await fixture.sql('update quota_classes set deleted = false');
    });

    it('settle reservations once', async () => {
      await fixture.db.quotas.adjust('p', { volumes: 0, gigabytes: 0 });
      await fixture.db.quotas.adjust('p', { volumes: 1, gigabytes: 10 });
      await fixture.sql('update quota_usages set reserved = 5');
      await fixture.sql(`insert into reservations (uuid, usage_id, project_id, resource, delta, deleted)
      select 'r-' || resource, id, 'p', resource, 5, false from quota_usages`);
      for (let turn = 0; turn < 2; turn++) await fixture.db.quotas.commit(['r-gigabytes']);
      for (let turn = 0; turn < 2; turn++) await fixture.db.quotas.rollback(['r-volumes']);
      expect(await fixture.db.quotas.usage('p')).toEqual({
        volumes: { inUse: 1, reserved: 0 },
        gigabytes: { inUse: 15, reserved: 0 },
      });
    });
  });

  describe('user messages', () => {
    it('are as the API shows them', async () => {
      await fixture.db.messages.create(
        {
          project_id: 'p',
          request_id: 'r',
          resource_type: 'VOLUME',
          resource_uuid: 'v',
          action_id: '008',
          detail_id: '001',
        },
        3600,
      );
      expect(
        one(
          await fixture.sql(
            fixture.engine === 'postgres'
              ? `select event_id, message_level, round(extract(epoch from expires_at - created_at)) as ttl from messages`
              : `select event_id, message_level, timestampdiff(second, created_at, expires_at) as ttl from messages`,
          ),
        ),
      ).toEqual({ event_id: 'VOLUME_VOLUME_008_001', message_level: 'ERROR', ttl: '3600' });
    });
  });

  describe('services', () => {
    const registration = {
      host: 'h@nfs',
      binary: 'cinder-volume',
      topic: 'cinder-volume',
      availabilityZone: 'nova',
      rpcVersion: '3.18',
      objectVersion: '1.39',
      clusterName: null,
      disabledIfNew: false,
    };

    it('of one name that start at once share one row', async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => fixture.db.services.register(registration)));
      expect(new Set(all.map(({ service }) => service.id)).size).toBe(1);
      expect(await fixture.db.services.list({ binary: 'cinder-volume' })).toHaveLength(1);
    });

    it('keep id, uuid and an old cluster, and join a first one', async () => {
      const first = await fixture.db.services.register(registration);
      const joining = await fixture.db.services.register({ ...registration, clusterName: 'c@nfs', rpcVersion: '3.20' });
      expect(first).toMatchObject({ joined: false, service: { report_count: 0, replication_status: 'not-capable' } });
      expect(joining).toMatchObject({
        joined: true,
        service: { id: first.service.id, uuid: first.service.uuid, cluster_name: 'c@nfs', rpc_current_version: '3.20' },
      });
      const moved = await fixture.db.services.register({ ...registration, clusterName: 'd@nfs' });
      expect(moved).toMatchObject({ joined: false, service: { cluster_name: 'c@nfs' } });
    });

    it('beat, and are not kept alive by being disabled', async () => {
      const { service } = await fixture.db.services.register(registration);
      expect(await fixture.db.services.beat(service.id, 'zone')).toBe(true);
      const beaten = await fixture.db.services.get(service.id);
      expect(beaten).toMatchObject({ report_count: 1, availability_zone: 'zone' });
      await fixture.db.services.update(service.id, { disabled: true, disabled_reason: 'why' });
      const disabled = await fixture.db.services.get(service.id);
      expect(disabled).toMatchObject({ disabled: true, disabled_reason: 'why', updated_at: beaten?.updated_at });
      expect(disabled?.modified_at).not.toBeNull();
      expect(one(await fixture.db.services.list()).age_ms).toBeLessThan(5_000);
      expect(await fixture.db.services.beat(service.id + 1, 'zone')).toBe(false);
    });

    it('know the smallest version by number', async () => {
      expect(await fixture.db.services.minimumVersions()).toEqual({ rpc: null, object: null });
      await fixture.db.services.register({ ...registration, host: 'x', rpcVersion: '3.9', objectVersion: '1.39' });
      await fixture.db.services.register({ ...registration, host: 'y', rpcVersion: '3.18', objectVersion: '1.4' });
      await fixture.db.services.register({ ...registration, host: 'z', binary: 'other', rpcVersion: '1.0' });
      expect(await fixture.db.services.minimumVersions('cinder-volume')).toEqual({ rpc: '3.9', object: '1.4' });
      expect((await fixture.db.services.minimumVersions()).rpc).toBe('1.0');
    });

    it('make their cluster once and bring what they have into it', async () => {
      const { service } = await fixture.db.services.register({ ...registration, clusterName: 'c@nfs' });
      const made = await Promise.all(
        [1, 2, 3].map(() => fixture.db.clusters.ensure('c@nfs', 'cinder-volume', service)),
      );
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      const [pooled, plain, other] = [
        await volume(),
        await volume({ host: 'h@nfs' }),
        await volume({ host: 'h@nfs2#p' }),
      ];
      expect(await fixture.db.clusters.includeResources('h@nfs', 'c@nfs')).toEqual({ volumes: 2, groups: 0 });
      const names = await Promise.all([pooled, plain, other].map(({ id }) => fixture.db.volumes.get(id)));
      expect(names.map((row) => row?.cluster_name)).toEqual(['c@nfs#p', 'c@nfs', null]);
      await fixture.db.clusters.update('c@nfs', 'cinder-volume', { replication_status: 'disabled' });
      expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toMatchObject({ replication_status: 'disabled' });
      expect(await fixture.db.clusters.get('c@nfs', 'other')).toBeNull();
    });
  });

  describe('transactions', () => {
    it('are all or nothing', async () => {
      const { id } = await volume();
      const failing = fixture.db.transaction(async (statements) => {
        await statements.volumes.update(id, { status: 'available' });
        throw new Error('on purpose');
      });
      await expect(failing).rejects.toThrow('on purpose');
      expect((await fixture.db.volumes.get(id))?.status).toBe('creating');
    });

    it('that swallow a failed statement do not pass for committed', async () => {
      const { id } = await volume();
      const swallowed = fixture.db.transaction(async (statements) => {
        await statements.volumes.update(id, { status: 'available' });
        await statements.volumes.create({ id }).catch(() => undefined);
      });
      await expect(swallowed).rejects.toMatchObject({ code: 'DATABASE', outcome: 'failed' });
      expect((await fixture.db.volumes.get(id))?.status).toBe('creating');
    });

    it("run again as a deadlock's victim", async () => {
      const [one, two] = [await volume(), await volume()];
      const gates = [gate(), gate()];
      let runs = 0;
      const crosswise = (first: string, second: string, mine: number) =>
        fixture.db.transaction(async (statements) => {
          runs++;
          await statements.volumes.update(first, { display_name: `by ${mine}` });
          gates[mine]?.open();
          await gates[1 - mine]?.opened;
          await statements.volumes.update(second, { display_name: `by ${mine}` });
        });
      await Promise.all([crosswise(one.id, two.id, 0), crosswise(two.id, one.id, 1)]);
      expect(runs).toBe(3);
      const names = await Promise.all([one, two].map(({ id }) => fixture.db.volumes.get(id)));
      expect(names[0]?.display_name).toBe(names[1]?.display_name);
    });
  });
});
