import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('snapshots on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes', 'snapshots', 'snapshot_metadata');

  it('are found among many by their ids', async () => {
    const { id } = await createVolume(fixture.db);
    for (const name of ['s1', 's2', 's3']) await fixture.db.snapshots.create({ id: name, volume_id: id });
    await fixture.db.snapshots.destroy('s2');
    const found = await fixture.db.snapshots.among(['s1', 's2', 'none']);
    expect(found.map((row) => row.id)).toEqual(['s1']);
    expect(await fixture.db.snapshots.among([])).toEqual([]);
  });

  it('live and die beside their volume', async () => {
    const { id, volume_type_id } = await createVolume(fixture.db);
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
