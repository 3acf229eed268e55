import { describe, expect, test } from 'vitest';
import { CinderError } from '../../../../src/domain/exceptions.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import type { Volume } from '../../../../src/domain/rows.ts';
import { CLOCK } from '../../../support/fake-resources/tables.ts';
import { VOLUME_2, failure, groups, member, request, statusOf, volumeStatus, world } from './group-world.ts';
import * as rows from './rows.ts';
import type { World, WorldOptions } from './world.ts';

const { GROUP, GROUP_2, PROJECT, SOURCE, VOLUME } = rows;

describe('create_group', () => {
  test('answers, with the database’s clock as its birth', async () => {
    const at = await world({ groups: groups({}) }).carry('create_group', request);
    expect(at.db.tables.groups[GROUP]).toMatchObject({ status: 'available', created_at: CLOCK, host: 'ctl@nfs1#pool' });
    expect(at.locks).toEqual([`aa-group-${GROUP.replaceAll('-', '')}`]);
    expect(at.events()).toEqual(['group.create.start', 'group.create.end']);
    expect(at.db.tables.outbox[0]?.payload).toMatchObject({
      publisher_id: 'group.ctl@nfs1',
      admin: true,
      group_id: GROUP,
      group_type: 'generic',
      tenant_id: PROJECT,
      created_at: '2026-01-01T00:00:00+00:00',
      status: 'creating',
    });
  });

  test('makes a group of its cluster, whichever member its host names', async () => {
    const group = groups({ host: 'other@nfs1#gold', cluster_name: 'c@nfs1#gold' });
    const at = await world({ groups: group }, { cluster: 'c@nfs1' }).carry('create_group', request);
    expect(at.db.tables.groups[GROUP]).toMatchObject({ status: 'available', host: 'other@nfs1#gold' });
  });

  test.each([
    ['without a driver', {}, { ready: false }],
    ['of the type of consistency groups', { groupTypes: { generic: 'default_cgsnapshot_type' } }, {}],
  ])('%s ends in error', async (_what, tables, options) => {
    const at = await world({ groups: groups({}), ...tables }, options).carry('create_group', request);
    expect(statusOf(at)).toBe('error');
    expect(at.events()).toEqual(['group.create.start']);
  });

  test.each([
    ['gone', { deleted: true }, 'the group is gone'],
    ['settled', { status: 'available' }, 'the group is available'],
    ['elsewhere', { host: 'x@y#z' }, 'the group belongs to x@y#z'],
  ])('leaves alone a group that is %s', async (_what, changes, idle) => {
    const at = world({ groups: groups(changes) });
    const before = structuredClone(at.db.tables.groups);
    await at.carry('create_group', request);
    expect(at.idle).toBe(idle);
    expect(at.db.tables.groups).toEqual(before);
  });
});

describe('update_group', () => {
  const updating = (volumes: Record<string, Volume>): World =>
    world({ groups: groups({ status: 'updating' }), volumes });
  const joins = { ...request, add_volumes: `${VOLUME},${VOLUME_2}`, remove_volumes: SOURCE };

  test('lets volumes join and leave', async () => {
    const at = updating({
      ...member(VOLUME, { group_id: null }),
      ...member(VOLUME_2, { group_id: null, status: 'in-use' }),
      ...member(SOURCE, { status: 'error' }),
    });
    await at.carry('update_group', joins);
    expect(statusOf(at)).toBe('available');
    const groupOf = (id: string): string | null | undefined => at.db.tables.volumes[id]?.group_id;
    expect([groupOf(VOLUME), groupOf(VOLUME_2), groupOf(SOURCE)]).toEqual([GROUP, GROUP, null]);
    expect(at.events()).toEqual([
      'group.update.start',
      'volume.update.start',
      'group.update.end',
      'volume.update.end',
      'volume.update.end',
    ]);
  });

  test('leaves a volume where it went meanwhile', async () => {
    const at = updating(member(SOURCE, { group_id: GROUP_2 }));
    await at.carry('update_group', { ...request, add_volumes: null, remove_volumes: SOURCE });
    expect(statusOf(at)).toBe('available');
    expect(at.db.tables.volumes[SOURCE]?.group_id).toBe(GROUP_2);
  });

  test.each([
    ['that is gone', {}],
    ['that lies elsewhere', member(VOLUME, { group_id: null, host: 'x@y#z' })],
    ['in the wrong state', member(VOLUME, { group_id: null, status: 'error' })],
  ])('refuses a volume %s, and changes none', async (_what, volumes) => {
    const at = updating({ ...volumes, ...member(SOURCE) });
    await at.carry('update_group', { ...request, add_volumes: VOLUME, remove_volumes: SOURCE });
    expect(statusOf(at)).toBe('error');
    expect(at.db.tables.volumes[SOURCE]?.group_id).toBe(GROUP);
    expect(at.events()).toEqual([]);
  });

  test('lets nobody join who is being deleted by now', async () => {
    const at = updating(member(VOLUME, { group_id: null }));
    let armed = true;
    at.db.hook = (name, when) => {
      if (!armed || name !== 'groups.typeName' || when !== 'before') return;
      armed = false;
      at.db.tables.volumes[VOLUME] = rows.madeVolume({ status: 'deleting' });
    };
    await at.carry('update_group', { ...request, add_volumes: VOLUME });
    expect(at.db.tables.volumes[VOLUME]).toMatchObject({ status: 'deleting', group_id: null });
    expect(statusOf(at)).toBe('error');
    expect(at.attempts).toBe(2);
  });
});

describe('delete_group', () => {
  const deleting = (volumes: Record<string, Volume>, options: Partial<WorldOptions> = {}): World =>
    world(
      { groups: groups({ status: 'deleting' }), volumes },
      { files: { [VOLUME]: 'data', [VOLUME_2]: 'data' }, ...options },
    );
  const both = { ...member(VOLUME, { status: 'deleting' }), ...member(VOLUME_2, { status: 'deleting' }) };

  test('takes its volumes with it, from share, quota and database', async () => {
    const at = await deleting(both).carry('delete_group', request);
    expect(at.db.tables.groups[GROUP]).toMatchObject({ status: 'deleted', deleted: true });
    expect([volumeStatus(at, VOLUME), volumeStatus(at, VOLUME_2)]).toEqual(['deleted', 'deleted']);
    expect(at.driver.files.size).toBe(0);
    expect(at.db.tables.quotas).toMatchObject({ 'project groups': 1, 'project volumes': 3, 'project gigabytes': 24 });
    expect(at.locks).toEqual([
      VOLUME,
      `${VOLUME}-delete_volume`,
      VOLUME_2,
      `${VOLUME_2}-delete_volume`,
      `aa-group-${GROUP.replaceAll('-', '')}`,
      `nfs-${VOLUME}`,
      `nfs-${VOLUME_2}`,
    ]);
    expect(at.events()).toEqual([
      'volume.delete.start',
      'volume.delete.start',
      'group.delete.start',
      'group.delete.end',
    ]);
    expect(at.reports).toBe(1);
  });

  test('of an empty group', async () => {
    const at = await deleting({}).carry('delete_group', request);
    expect(at.db.tables.groups[GROUP]?.deleted).toBe(true);
    expect(at.db.tables.quotas).toMatchObject({ 'project groups': 1, 'project volumes': 5 });
  });

  test.each([
    ['fails', failure, 'error'],
    ['is busy', new CinderError('VolumeIsBusy', { volume_name: 'v' }), 'available'],
  ])('keeps a volume that %s, with its row and its quota', async (_what, error, status) => {
    const at = deleting(both);
    at.driver.fails.set(`remove ${VOLUME}`, error);
    await at.carry('delete_group', request);
    expect(statusOf(at)).toBe('error');
    expect([volumeStatus(at, VOLUME), volumeStatus(at, VOLUME_2)]).toEqual([status, 'deleted']);
    expect(at.driver.files.has(VOLUME)).toBe(true);
    expect(at.db.tables.quotas).toMatchObject({ 'project groups': 2, 'project volumes': 4 });
    expect(at.events()).not.toContain('group.delete.end');
  });

  test.each([
    ['is attached', { attach_status: 'attached' }, 'error'],
    ['was reset', { status: 'available' }, 'available'],
    ['lies elsewhere', { host: 'x@y#z' }, 'error'],
  ])('touches no file of a volume that %s', async (_what, changes, status) => {
    const at = deleting({ ...both, ...member(VOLUME, { status: 'deleting', ...changes }) });
    await at.carry('delete_group', request);
    expect(at.driver.files.has(VOLUME)).toBe(true);
    expect(volumeStatus(at, VOLUME)).toBe(status);
    expect(statusOf(at)).toBe('error');
  });

  test.each([
    ['volumes', both],
    ['none', {}],
  ])('without a driver nothing goes (%s)', async (_what, volumes) => {
    const at = await deleting(volumes, { ready: false }).carry('delete_group', request);
    expect(statusOf(at)).toBe('error');
    expect(Object.values(at.db.tables.volumes).every(({ status }) => status === 'error')).toBe(true);
  });

  test('waits for a volume that came into the group meanwhile, and keeps it', async () => {
    const at = deleting(member(VOLUME, { status: 'deleting' }));
    at.driver.hook = (name, when) => {
      if (name === 'driver.remove' && when === 'after') Object.assign(at.db.tables.volumes, member(VOLUME_2));
    };
    await at.carry('delete_group', request);
    expect(statusOf(at)).toBe('error');
    expect([volumeStatus(at, VOLUME), volumeStatus(at, VOLUME_2)]).toEqual(['deleted', 'available']);
  });
});

describe('the replication of a group', () => {
  const asked = (status: string, volume: Partial<Volume> = {}): World =>
    world({
      groups: groups({ status: 'available', replication_status: status }),
      volumes: member(VOLUME, { replication_status: status, ...volume }),
    });
  const end = (at: World): unknown[] => [
    at.db.tables.groups[GROUP]?.replication_status,
    at.db.tables.volumes[VOLUME]?.replication_status,
    at.db.tables.volumes[VOLUME]?.status,
  ];

  test.each([
    ['enable_replication', 'enabling', {}],
    ['disable_replication', 'disabling', {}],
    ['failover_replication', 'failing-over', { allow_attached_volume: false, secondary_backend_id: 'b' }],
  ])('%s is refused, and the rows say so', async (method, status, args) => {
    const at = await asked(status).carry(method, { ...request, ...args });
    expect(end(at)).toEqual(['error', 'error', 'available']);
    expect(statusOf(at)).toBe('available');
    expect(at.db.tables.entry.outcome).toBe('refused');
    expect(at.events()).toEqual([`group.${method}.start`, `volume.${method}.start`]);
  });

  test.each<[string, string, Partial<Volume>, JsonObject]>([
    ['a group that is not asked', 'disabled', {}, {}],
    ['a volume that is not asked', 'failing-over', { replication_status: 'enabled' }, {}],
    ['an attached volume', 'failing-over', { status: 'in-use' }, { allow_attached_volume: null }],
  ])('nothing is changed for %s', async (_what, status, volume, args) => {
    const at = asked(status, volume);
    const before = end(at);
    await at.carry('failover_replication', { ...request, ...args });
    expect(end(at)).toEqual(before);
    expect(at.events()).toEqual([]);
    expect(at.db.tables.entry.outcome).toBe('refused');
  });
});
