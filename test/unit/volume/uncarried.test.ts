import { beforeEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/domain/rows.ts';
import * as reasons from '../../../src/volume/uncarried-reasons.ts';
import { findUncarried } from '../../../src/volume/uncarried.ts';
import { FakeDatabase } from '../../support/fake-database.ts';
import { backend, World } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const look = { backend, olderThanMs: 0, carried: new Set<string>() };
const find = (more: Partial<typeof look> = {}) => findUncarried(new FakeDatabase(world.server), { ...look, ...more });

describe('rows that nobody carries', () => {
  it('are told with the reason why they are left alone, and with a command that names them', async () => {
    world.volume('v1', { status: 'uploading' });
    const [row] = await find();
    expect(row).toMatchObject({ type: 'Volume', id: 'v1', status: 'uploading', since: '2026-01-01 00:00:00' });
    expect(row?.reason).toContain('image');
    expect(row?.command).toContain('openstack volume set --state available v1');
  });

  it('are neither those that a request carries nor those that wait for nobody', async () => {
    world.volume('carried', { status: 'deleting' });
    world.volume('rests', { status: 'available' });
    world.volume('broken', { status: 'error' });
    expect(await find({ carried: new Set(['Volume carried']) })).toEqual([]);
  });

  it('say of what a running replica takes up that it does, and of an unclear creation that it is not', async () => {
    world.volume('copy', { source_volid: 's' });
    world.volume('unclear');
    const row = { id: 's1', volume_id: 'v', status: 'deleting', updated_at: null, created_at: '2026-01-01 00:00:00' };
    world.server.tables.snapshots.set('s1', row as unknown as Snapshot);
    const found = new Map((await find()).map(({ id, reason }) => [id, reason]));
    expect([...found.keys()].sort()).toEqual(['copy', 's1', 'unclear']);
    expect(found.get('copy')).toContain('takes it up');
    expect(found.get('s1')).toContain('takes it up');
    expect(found.get('unclear')).toContain('made from');
  });

  it('say of a migration without a request how to end it, and nothing where one carries it', async () => {
    world.volume('moves', { status: 'available', migration_status: 'migrating' });
    world.volume('goal', { migration_status: 'target:moves' });
    const found = new Map((await find()).map((row) => [row.id, row]));
    expect([...found.keys()].sort()).toEqual(['goal', 'moves']);
    expect(found.get('moves')).toMatchObject({ status: 'available', settledBy: 'operator' });
    expect(found.get('goal')?.reason).toContain('moves');
    expect(await find({ carried: new Set(['Volume moves']) })).toEqual([]);
  });

  it('names only commands that the clients have', () => {
    const { VOLUMES, SNAPSHOTS, GROUPS, GROUP_SNAPSHOTS, notTakenIn, migrates, migrationTarget } = reasons;
    const told = [VOLUMES, SNAPSHOTS, GROUPS, GROUP_SNAPSHOTS].flatMap((byStatus) => Object.values(byStatus));
    const commands = [...told, notTakenIn, migrates, migrationTarget].flatMap(
      ({ command }) => command.match(/\b(cinder|openstack) [^;#&,]*/g) ?? [],
    );
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter((one) => !clientCommands.some((form) => form.test(one.trim())))).toEqual([]);
  });
});

/** As python-cinderclient 9.1 and 9.10 and python-openstackclient 6.0 and 10.3 take them. */
const clientCommands = [
  /^openstack volume set --state (available|error)( --detached)? ID$/,
  /^openstack volume set --(size GIB|type TYPE) ID once more$/,
  /^openstack volume (show|delete) ID$/,
  /^openstack volume backup list( --volume ID)?$/,
  /^openstack volume snapshot (set --state (available|error)|delete) ID$/,
  /^cinder unmanage ID once more$/,
  /^cinder reset-state( --state (available|error|error_managing))?( --reset-migration-status)? ID$/,
  /^cinder --os-volume-api-version 3\.20 reset-state --type (group|group-snapshot) --state (available|error) ID$/,
];
