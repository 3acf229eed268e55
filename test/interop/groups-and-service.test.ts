import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Group, Volume } from '../../src/domain/rows.ts';
import { startReplica, type ReplicaProcess } from '../../src/dev/replica-process.ts';
import { one, startFixture, type Fixture } from '../contract/db/fixture.ts';
import { freePort } from '../support/free-port.ts';
import { folderConf } from '../support/folder-conf.ts';
import { eventually } from '../support/poll.ts';
import { leaveOutPython } from '../support/programs.ts';
import { buildOnce, sharedRabbit } from '../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';
import { VolumeClient } from './volume-client.ts';

/*
 * The service's own methods and those of groups, each asked for by Cinder's own client over RabbitMQ, on a database
 * that both use, of a replica that is a process of its own.
 */

const HOST = 'ctl@folder';
const CLUSTER = 'aa@folder';
const PROJECT = 'project';

describe.skipIf(leaveOutPython('cinder', 'psycopg2'))("Cinder's own client", () => {
  let fixture: Fixture;
  let replica: ReplicaProcess;
  let client: VolumeClient;
  let dir: string;
  let share: string;
  let serviceId: number;
  let logFile: string;

  beforeAll(async () => {
    dir = await makeTempDir();
    share = join(dir, 'share');
    logFile = join(dir, 'replica.log');
    await mkdir(share);
    fixture = await startFixture('postgres');
    const rabbit = await sharedRabbit();
    const healthPort = await freePort();
    const configFile = join(dir, 'cinder.conf');
    const servers = { rabbitUrl: rabbit.url, databaseUrl: fixture.url };
    await writeFile(configFile, folderConf({ host: 'ctl', dir, share, healthPort, ...servers }));
    const program = join(await buildOnce(), 'src/main.js');
    replica = await startReplica({ name: 'ctl', program, configFile, logFile, healthPort });
    await replica.ready(AbortSignal.timeout(30_000));
    serviceId = one(await fixture.db.services.list({ binary: 'cinder-volume' })).id;
    client = new VolumeClient(configFile);
  }, 180_000);

  afterAll(async () => {
    await client.stop();
    await replica.stop(10_000);
    await fixture.close();
    await removeDir(dir);
  }, 30_000);

  /** As the API leaves the row before it sends the message. */
  async function volume(row: Partial<Volume>): Promise<string> {
    const id = randomUUID();
    const placed = { host: `${HOST}#folder`, cluster_name: `${CLUSTER}#folder`, availability_zone: 'nova' };
    await fixture.db.volumes.create({
      ...{ id, size: 1, project_id: PROJECT, user_id: 'user', status: 'creating', ...placed },
      ...row,
    });
    return id;
  }

  async function madeVolume(): Promise<string> {
    const id = await volume({});
    const spec = { RequestSpec: {} };
    await client.call('create_volume', [{ Volume: id }, spec, {}]);
    await eventually(async () => (await fixture.db.volumes.get(id))?.status === 'available');
    return id;
  }

  async function group(row: Partial<Group>): Promise<string> {
    const id = randomUUID();
    const type = one(await fixture.sql<{ id: string }>('select id from group_types where name = $1', ['generic']));
    await fixture.db.groups.create({
      ...{ id, project_id: PROJECT, user_id: 'user', name: 'g', group_type_id: type.id, status: 'creating' },
      ...{ host: `${HOST}#folder`, cluster_name: `${CLUSTER}#folder`, ...row },
    });
    return id;
  }

  const statusOf = async (id: string): Promise<string | null | undefined> => (await fixture.db.groups.get(id))?.status;
  const becomes = (id: string, status: string | undefined): Promise<unknown> =>
    eventually(async () => (await statusOf(id)) === status, { what: `group ${status ?? 'gone'}` });

  it('makes, changes, copies, snapshots and deletes a group', async () => {
    await fixture.sql(
      `insert into group_types (id, created_at, deleted, name, is_public) values ($1, now(), false, 'generic', true)`,
      [randomUUID()],
    );
    const [first, second] = [await madeVolume(), await madeVolume()];
    const id = await group({});
    await client.call('create_group', [{ Group: id }]);
    await becomes(id, 'available');

    await fixture.db.groups.update(id, { status: 'updating' });
    await client.call('update_group', [{ Group: id }], { add_volumes: `${first},${second}`, remove_volumes: null });
    await becomes(id, 'available');
    expect(new Set(await fixture.db.groups.volumeIds(id))).toEqual(new Set([first, second]));

    const groupSnapshot = randomUUID();
    await fixture.db.groupSnapshots.create({
      id: groupSnapshot,
      group_id: id,
      status: 'creating',
      project_id: PROJECT,
    });
    const snapshot = { project_id: PROJECT, volume_size: 1, status: 'creating', group_snapshot_id: groupSnapshot };
    const snapshots = [randomUUID(), randomUUID()];
    await fixture.db.snapshots.create({ id: snapshots[0] ?? '', volume_id: first, ...snapshot });
    await fixture.db.snapshots.create({ id: snapshots[1] ?? '', volume_id: second, ...snapshot });
    const becomesSnapshot = (status: string | undefined): Promise<unknown> =>
      eventually(async () => (await fixture.db.groupSnapshots.get(groupSnapshot))?.status === status);
    await client.call('create_group_snapshot', [{ GroupSnapshot: groupSnapshot }]);
    await becomesSnapshot('available');
    expect((await fixture.db.snapshots.get(snapshots[1] ?? ''))?.progress).toBe('100%');

    const copy = await group({ group_snapshot_id: groupSnapshot });
    for (const snapshot_id of snapshots) await volume({ group_id: copy, snapshot_id });
    const source = { group_snapshot: { GroupSnapshot: groupSnapshot }, source_group: null };
    await client.call('create_group_from_src', [{ Group: copy }], source);
    await becomes(copy, 'available');
    const clones = await fixture.db.groups.volumeIds(copy);
    expect((await readdir(share)).filter((name) => clones.some((clone) => name === `volume-${clone}`))).toHaveLength(2);

    await fixture.sql(`update snapshots set status = 'deleting' where group_snapshot_id = $1`, [groupSnapshot]);
    await fixture.db.groupSnapshots.update(groupSnapshot, { status: 'deleting' });
    await client.call('delete_group_snapshot', [{ GroupSnapshot: groupSnapshot }]);
    await becomesSnapshot(undefined);

    for (const gone of [id, copy]) {
      await fixture.sql(`update volumes set status = 'deleting' where group_id = $1`, [gone]);
      await fixture.db.groups.update(gone, { status: 'deleting' });
      await client.call('delete_group', [{ Group: gone }]);
      await becomes(gone, undefined);
    }
    expect((await readdir(share)).filter((name) => name.startsWith('volume-'))).toEqual([]);
  }, 60_000);

  it('is refused the replication of a group, and told that it has no targets', async () => {
    for (const [method, status] of [
      ['enable_replication', 'enabling'],
      ['disable_replication', 'disabling'],
      ['failover_replication', 'failing-over'],
    ] as const) {
      const id = await group({ status: 'available', replication_status: status });
      await client.call(method, [{ Group: id }]);
      await eventually(async () => (await fixture.db.groups.get(id))?.replication_status === 'error');
      expect(await client.call('list_replication_targets', [{ Group: id }])).toEqual({ replication_targets: [] });
    }
  });

  it('asks for capabilities, now and as they were', async () => {
    for (const discover of [false, true]) {
      const capabilities = await eventually(() => client.call('get_capabilities', [CLUSTER, discover]));
      expect(capabilities).toMatchObject({ vendor_name: 'Open Source', properties: { qos: { type: 'boolean' } } });
    }
    await client.call('publish_service_capabilities');
  });

  it('sets and gets log levels', async () => {
    const request = (prefix: string, level: string | null): JsonObject => ({ LogLevel: { prefix, level } });
    const service = { Service: serviceId };
    await client.call('set_log_levels', [service, request('cinder_volume_aa.db', 'DEBUG')]);
    await eventually(async () => {
      const answer = (await client.call('get_log_levels', [
        service,
        request('cinder_volume_aa.d', null),
      ])) as JsonObject;
      const { objects } = answer['versioned_object.data'] as { objects: readonly JsonObject[] };
      expect(objects.map((level) => level['versioned_object.data'])).toEqual([
        { prefix: 'cinder_volume_aa.db', level: 'DEBUG' },
      ]);
      return true;
    });
    await client.call('set_log_levels', [service, request('cinder_volume_aa.db', 'no level')]);
    await eventually(async () => (await readFile(logFile, 'utf8')).includes('is not a valid log level'));
  });

  it('freezes and thaws', async () => {
    const service = { Service: serviceId };
    expect(await client.call('freeze_host', [service])).toBe(true);
    expect(await fixture.db.services.get(serviceId)).toMatchObject({ disabled: true, disabled_reason: 'frozen' });
    expect(await client.call('thaw_host', [service])).toBe(true);
    expect(await fixture.db.services.get(serviceId)).toMatchObject({ disabled: false, disabled_reason: '' });
  });

  it('has cleaned up what a dead service left', async () => {
    const dead = await fixture.db.services.register({
      ...{ host: 'dead@folder', binary: 'cinder-volume', topic: 'cinder-volume', availabilityZone: 'nova' },
      ...{ rpcVersion: '3.18', objectVersion: '1.39', clusterName: CLUSTER, disabledIfNew: false },
    });
    const [deleting, creating] = [await madeVolume(), await volume({})];
    await fixture.db.volumes.update(deleting, { status: 'deleting' });
    await fixture.db.workers.create('Volume', deleting, 'deleting');
    await fixture.db.workers.create('Volume', creating, 'creating');
    await fixture.sql('update workers set service_id = $1 where resource_id = any($2)', [
      dead.service.id,
      [deleting, creating],
    ]);
    await client.call('do_cleanup', [{ CleanupRequest: { service_id: dead.service.id, cluster_name: CLUSTER } }]);
    await eventually(async () => (await fixture.db.volumes.get(deleting)) === null);
    await eventually(async () => (await fixture.db.volumes.get(creating))?.status === 'error');
    expect(await fixture.db.workers.ofService(dead.service.id)).toEqual([]);
  });

  it('fails the backend over, which cannot be done', async () => {
    const id = await madeVolume();
    await fixture.db.volumes.update(id, { replication_status: 'disabled' });
    const gaveUp = { disabled: true, replication_status: 'failover-error' };
    const cluster = (): Promise<object | null> => fixture.db.clusters.get(CLUSTER, 'cinder-volume');
    const service = (): Promise<object | null> => fixture.db.services.get(serviceId);
    await client.call('failover', [{ Service: serviceId }], { secondary_backend_id: 'other' });
    await becomesLike(cluster, gaveUp);
    expect(await fixture.db.volumes.get(id)).toMatchObject({ status: 'error', previous_status: 'available' });
    const told = { disabled: true, replication_status: 'error' };
    await becomesLike(service, told);

    const mended = { replication_status: 'disabled', disabled: false, disabled_reason: '' };
    await client.cast('finish_failover', CLUSTER, { service: { Service: serviceId }, updates: mended });
    await becomesLike(cluster, mended);

    await client.cast('failover_host', CLUSTER, { secondary_backend_id: 'default' });
    await becomesLike(cluster, gaveUp);
    await client.call('failover_completed', [{ Service: serviceId }, { active_backend_id: 'b' }]);
    await becomesLike(service, { ...told, active_backend_id: 'b' });
  });
});

function becomesLike(look: () => Promise<object | null>, wanted: object): Promise<unknown> {
  return eventually(async () => {
    expect(await look()).toMatchObject(wanted);
    return true;
  });
}
