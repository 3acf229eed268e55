import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { now } from '../../../src/db/ports/resources.ts';
import { engines, one } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('volumes on %s', (engine) => {
  const fixture = useFixture(
    engine,
    'volumes',
    'snapshots',
    'volume_metadata',
    'volume_admin_metadata',
    'volume_glance_metadata',
    'volume_attachment',
  );

  it('are made with the defaults of upstream, and of the default type', async () => {
    const made = await createVolume(fixture.db);
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
    const { id } = await createVolume(fixture.db);
    const { update } = { update: fixture.db.volumes.update.bind(fixture.db.volumes) };
    expect(await update(id, { status: 'available' }, { status: ['deleting', 'error'] })).toBe(0);
    expect(await update(id, { status: 'available' }, { status: 'creating', migration_status: null })).toBe(1);
    expect(await update(id, { size: 2 }, { migration_status: ['migrating', null], status: ['available'] })).toBe(1);
    expect(await update(id, { size: 3 }, { status: [] })).toBe(0);
    expect(await update(randomUUID(), { size: 3 })).toBe(0);
    expect(await fixture.db.volumes.get(id)).toMatchObject({ status: 'available', size: 2 });
  });

  it('compare timestamps as they were read, as texts', async () => {
    const { id } = await createVolume(fixture.db);
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
    const { id } = await createVolume(fixture.db);
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
    const { id } = await createVolume(fixture.db);
    const counts = await Promise.all(
      Array.from({ length: 10 }, () => fixture.db.volumes.update(id, { status: 'available' }, { status: 'creating' })),
    );
    expect(counts.toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('take what hangs on them along when destroyed, and keep updated_at and the others statuses', async () => {
    const { id } = await createVolume(fixture.db, { migration_status: 'success' });
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
    const { id } = await createVolume(fixture.db);
    await fixture.db.volumes.mergeMetadata(id, 'metadata', { a: '1', b: '2', gone: null });
    await Promise.all(
      ['x', 'y', 'z'].map((value) => fixture.db.volumes.mergeMetadata(id, 'metadata', { a: null, b: value, c: value })),
    );
    const metadata = await fixture.db.volumes.metadata(id, 'metadata');
    expect(Object.keys(metadata).toSorted()).toEqual(['b', 'c']);
    expect(metadata['b']).toBe(metadata['c']);
    expect(await fixture.sql('select 1 from volume_metadata where deleted = false')).toHaveLength(2);
    expect(await fixture.db.volumes.metadata(id, 'admin_metadata')).toEqual({});
  });

  it('are listed by backend, status and age, page by page', async () => {
    const ours = [
      await createVolume(fixture.db),
      await createVolume(fixture.db, { host: 'h@nfs' }),
      await createVolume(fixture.db, { host: 'other@nfs#p', cluster_name: 'h@nfs#p' }),
    ];
    await createVolume(fixture.db, { host: 'h@nfs2#p' });
    await createVolume(fixture.db, { host: 'h@nf_#p' });
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
    const [own, moved] = [await createVolume(fixture.db), await createVolume(fixture.db, { _name_id: 'came from' })];
    await createVolume(fixture.db, { _name_id: 'elsewhere' });
    const gone = await createVolume(fixture.db);
    await fixture.db.volumes.destroy(gone.id);
    const found = await fixture.db.volumes.named([own.id, gone.id, 'came from']);
    expect(found.map(({ id }) => id).toSorted()).toEqual([own.id, moved.id].toSorted());
    expect(await fixture.db.volumes.named([])).toEqual([]);
  });

  it('add up by pool and by location', async () => {
    await createVolume(fixture.db, { size: 3, provider_location: 'srv:/a' });
    await createVolume(fixture.db, { size: 4, provider_location: 'srv:/a', host: 'h@nfs#q' });
    await createVolume(fixture.db, { size: 5, provider_location: 'srv:/b', host: 'h@nfs' });
    const gone = await createVolume(fixture.db, { size: 99, provider_location: 'srv:/a' });
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
