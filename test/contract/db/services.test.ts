import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { createVolume, newRegistration } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('services on %s', (engine) => {
  const fixture = useFixture(engine, 'services', 'clusters', 'volumes', 'groups');

  const registration = newRegistration();

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
    const made = await Promise.all([1, 2, 3].map(() => fixture.db.clusters.ensure('c@nfs', 'cinder-volume', service)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const [pooled, plain, other] = [
      await createVolume(fixture.db),
      await createVolume(fixture.db, { host: 'h@nfs' }),
      await createVolume(fixture.db, { host: 'h@nfs2#p' }),
    ];
    expect(await fixture.db.clusters.includeResources('h@nfs', 'c@nfs')).toEqual({ volumes: 2, groups: 0 });
    const names = await Promise.all([pooled, plain, other].map(({ id }) => fixture.db.volumes.get(id)));
    expect(names.map((row) => row?.cluster_name)).toEqual(['c@nfs#p', 'c@nfs', null]);
    await fixture.db.clusters.update('c@nfs', 'cinder-volume', { replication_status: 'disabled' });
    expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toMatchObject({ replication_status: 'disabled' });
    expect(await fixture.db.clusters.get('c@nfs', 'other')).toBeNull();
  });

  it('take the same changes as clusters do; only what is given changes', async () => {
    const { service } = await fixture.db.services.register(newRegistration('c@nfs'));
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
