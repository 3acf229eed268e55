import { describe, expect, it } from 'vitest';
import { engines } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('quotas on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes', 'snapshots', 'quota_usages', 'quotas', 'reservations');

  const inUse = async () =>
    Object.fromEntries(Object.entries(await fixture.db.quotas.usage('p')).map(([name, { inUse }]) => [name, inUse]));

  it('count what is there where no row is, the change included; else add, never below zero', async () => {
    const { id } = await createVolume(fixture.db, { size: 3 });
    await createVolume(fixture.db, { size: 7, use_quota: false });
    await createVolume(fixture.db, { size: 8, migration_status: 'target:x' });
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
