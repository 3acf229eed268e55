import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { queueDepths } from '../../../src/rpc/rabbit/queue-depths.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { RpcClient } from '../../../src/rpc/rpc-client.ts';
import { engines, startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { newEntry } from '../../contract/db/rows.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

/** What a command printed, both ways, and its exit code. */
interface Ran {
  readonly code: number;
  readonly said: string;
}

describe.each(engines)('adopt on %s', (engine) => {
  let fixture: Fixture;
  let dir: string;
  let conf: string;
  let python: { readonly id: number; readonly uuid: string };
  const [first, second, elsewhere] = [randomUUID(), randomUUID(), randomUUID()];

  beforeEach(async () => {
    fixture = await startFixture(engine);
    dir = await makeTempDir();
    conf = join(dir, 'cinder.conf');
    await writeFile(conf, confText({ databaseUrl: fixture.url, transportUrl: `hub://${join(dir, 'hub.sock')}` }));
    python = await register('old@nfs', null);
    await silence('old@nfs');
    for (const id of [first, second]) {
      await fixture.db.volumes.create({ id, host: 'old@nfs#nfs', status: 'available', service_uuid: python.uuid });
    }
    await fixture.db.volumes.create({ id: elsewhere, host: 'older@nfs#nfs', status: 'available' });
    await worker('Volume', second, 'deleting', python.id);
  });

  afterEach(async () => {
    await fixture.close();
    await removeDir(dir);
  });

  async function adopt(...argv: readonly string[]): Promise<Ran> {
    const lines: string[] = [];
    const say = (line: string): void => void lines.push(line);
    const io = { version: '0', signal: AbortSignal.timeout(30_000), print: say, complain: say };
    const code = await runCommand(['adopt', ...argv, '--config-file', conf], io);
    return { code, said: lines.join('\n') };
  }

  async function register(host: string, clusterName: string | null) {
    const versions = { rpcVersion: '3.18', objectVersion: '1.39', availabilityZone: 'nova', disabledIfNew: false };
    const names = { host, binary: 'cinder-volume', topic: 'cinder-volume', clusterName };
    return (await fixture.db.services.register({ ...names, ...versions })).service;
  }

  /** As of a service that was stopped an hour ago. */
  const silence = async (host: string): Promise<void> => {
    await fixture.sql('update services set updated_at = created_at where host = ?', [host]);
    await fixture.backdate('services', 'updated_at', 3600, `host = '${host}'`);
  };

  const volumes = () =>
    fixture.sql('select id, host, cluster_name, service_uuid from volumes order by host, cluster_name, id');

  const ownTables = () =>
    fixture.sql(
      `select table_name from information_schema.tables
       where table_schema in ('public', ${engine === 'mariadb' ? 'database()' : "'public'"}) and table_name like 'aa!_%' escape '!'`,
    );

  const worker = async (type: string, id: string, status: string, serviceId: number | null): Promise<void> => {
    await fixture.db.workers.create(type, id, status);
    await fixture.sql('update workers set service_id = ? where resource_id = ?', [serviceId, id]);
  };

  const workerOf = async (id: string) =>
    (await fixture.sql('select service_id, status from workers where resource_id = ?', [id]))[0];

  it('says what would change, and what hinders it, and changes nothing', async () => {
    const before = await volumes();
    const ran = await adopt('--from', 'old', '--dry-run');
    expect(ran).toMatchObject({ code: 0, said: expect.stringContaining('[nfs] old@nfs → cluster c@nfs') as string });
    expect(ran.said).toContain('2 volumes, 0 groups, 0 consistency groups, 0 cached images');
    expect(ran.said).toContain(`Volume ${second} deleting`);
    expect(ran.said).toContain('cinder-volume.c@nfs.c (until now cinder-volume.old@nfs.old: ');
    expect(ran.said).not.toContain('secret');
    expect(await volumes()).toEqual(before);
    await fixture.db.services.beat(python.id, 'nova');
    const hindered = await adopt('--from', 'old', '--dry-run');
    expect(hindered).toMatchObject({ code: 3 });
    expect(hindered.said).toContain('not now: old@nfs is up: stop it');
    expect(await adopt('--from', 'old')).toMatchObject({ code: 1 });
    expect(await adopt('--from', 'nobody')).toMatchObject({ code: 1 });
    expect((await adopt('--from', 'a@b')).said).toContain('name it without a backend');
    expect(await volumes()).toEqual(before);
  });

  it('moves a host into the cluster, twice if need be, and everything back to the row', async () => {
    const before = await volumes();
    for (const _ of [1, 2]) expect(await adopt('--from', 'old')).toMatchObject({ code: 0 });
    expect(await volumes()).toEqual([
      ...[first, second]
        .sort()
        .map((id) => ({ id, host: 'old@nfs#nfs', cluster_name: 'c@nfs#nfs', service_uuid: python.uuid })),
      { id: elsewhere, host: 'older@nfs#nfs', cluster_name: null, service_uuid: null },
    ]);

    const member = await register('a@nfs', 'c@nfs');
    await fixture.sql('update volumes set host = ?, service_uuid = ? where id = ?', ['a@nfs#nfs', member.uuid, first]);
    await worker('Volume', second, 'deleting', member.id);
    await fixture.db.journal.receive([newEntry({ backend: 'c@nfs' })], 'gone');
    const refused = await adopt('--back', '--to', 'old');
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.said).toContain('not now: 1 requests are not ended');

    await fixture.sql(`update aa_journal set finished_at = received_at, outcome = 'done'`);
    const back = await adopt('--back', '--to', 'old');
    expect(back).toMatchObject({ code: 0 });
    expect(back.said).toContain('services removed a@nfs (cinder-volume)');
    expect(await volumes()).toEqual(before);
    expect(await workerOf(second)).toMatchObject({ service_id: String(python.id) });
    expect((await fixture.db.services.list()).map(({ host, cluster_name }) => [host, cluster_name])).toEqual([
      ['old@nfs', null],
    ]);
    expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toBeNull();
    expect(await ownTables()).toEqual([]);
    const again = await adopt('--back', '--to', 'old');
    expect(again).toMatchObject({ code: 1, said: expect.stringContaining('cinder-volume-aa db sync') as string });
  });

  it('makes what the host had begun requests of the cluster, once, and says what waits for a replica', async () => {
    const [making, snapshot] = [randomUUID(), randomUUID()];
    await fixture.db.volumes.create({ id: making, host: 'old@nfs#nfs', status: 'creating' });
    await worker('Volume', making, 'creating', python.id);
    await fixture.db.snapshots.create({ id: snapshot, volume_id: first, status: 'deleting' });
    const told = (await adopt('--from', 'old', '--dry-run')).said;
    expect(told).toContain(`Volume ${making} creating`);
    expect(told).toMatch(new RegExp(`Snapshot ${snapshot} is deleting since .* a running replica takes it up`));
    expect(await fixture.db.journal.unfinished(['c@nfs'], 10)).toEqual([]);
    for (const _ of [1, 2]) expect(await adopt('--from', 'old')).toMatchObject({ code: 0 });
    expect(await fixture.db.journal.unfinished(['c@nfs'], 10)).toMatchObject([
      { method: 'create_volume', resourceId: making, origin: 'peer' },
    ]);
    // A row of `workers` whose work is over goes, as at a start of Python's.
    expect(await workerOf(second)).toBeUndefined();
  });

  it('does not go back while rows wait that neither Python nor anybody else would settle, and names them', async () => {
    await adopt('--from', 'old');
    const cluster_name = 'c@nfs#nfs';
    const host = 'a@nfs#nfs';
    const ids = Object.fromEntries(
      ['gone', 'longer', 'moving', 'target', 'snapshot', 'group', 'groupSnapshot'].map((name) => [name, randomUUID()]),
    ) as Record<'gone' | 'longer' | 'moving' | 'target' | 'snapshot' | 'group' | 'groupSnapshot', string>;
    const volume = (id: string, more: object) => fixture.db.volumes.create({ id, host, cluster_name, ...more });
    await volume(ids.gone, { status: 'deleting' });
    await volume(ids.longer, { status: 'extending' });
    await volume(ids.moving, { status: 'available', migration_status: 'migrating' });
    await volume(ids.target, { status: 'creating', migration_status: `target:${ids.moving}` });
    await fixture.db.snapshots.create({ id: ids.snapshot, volume_id: first, status: 'deleting' });
    await fixture.db.groups.create({ id: ids.group, host, cluster_name, status: 'deleting' });
    await fixture.db.groupSnapshots.create({ id: ids.groupSnapshot, group_id: ids.group, status: 'creating' });
    const before = await volumes();
    const dry = await adopt('--back', '--to', 'old', '--dry-run');
    expect(dry.code).toBe(3);
    for (const id of Object.values(ids)) expect(dry.said).toMatch(new RegExp(`not now: [A-Za-z]+ ${id} is `));
    expect(dry.said).toMatch(new RegExp(`${ids.gone} is deleting since .* a running replica takes it up`));
    expect(dry.said).toContain(`openstack volume set --state available ${ids.longer}`);
    expect(dry.said).toContain(`once ${ids.moving} is settled`);
    expect(dry.said).toContain(`reset-state --type group --state error ${ids.group}`);
    expect(await adopt('--back', '--to', 'old')).toMatchObject({ code: 1 });
    expect(await volumes()).toEqual(before);

    await fixture.sql(`update volumes set status = 'available', migration_status = null where deleted = false`);
    await fixture.sql(`update snapshots set status = 'error'`);
    await fixture.sql(`update "groups" set status = 'available'`);
    await fixture.sql(`update group_snapshots set status = 'available'`);
    expect(await adopt('--back', '--to', 'old')).toMatchObject({ code: 0 });
  });

  it('names no row of a migration whose request is with the other backend', async () => {
    await adopt('--from', 'old');
    await register('a@other', 'c@other');
    const [moving, target] = [randomUUID(), randomUUID()];
    const there = { host: 'a@other#other', cluster_name: 'c@other#other' };
    const here = { host: 'a@nfs#nfs', cluster_name: 'c@nfs#nfs' };
    await fixture.db.volumes.create({ id: moving, ...there, status: 'available', migration_status: 'migrating' });
    await fixture.db.volumes.create({ id: target, ...here, status: 'creating', migration_status: `target:${moving}` });
    const named = `once ${moving} is settled`;
    expect((await adopt('--back', '--to', 'old', '--dry-run')).said).toContain(named);
    const request = { backend: 'c@other', method: 'migrate_volume', resourceType: 'Volume', resourceId: moving };
    await fixture.db.journal.receive([newEntry(request)], 'gone');
    expect((await adopt('--back', '--to', 'old', '--dry-run')).said).not.toContain(named);
  });

  it('leaves to Python what only its start settles, whoever had begun it, and to others what is theirs', async () => {
    await adopt('--from', 'old');
    const [lost, theirs, attaching, odd] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const volume = (id: string, status: string) =>
      fixture.db.volumes.create({ id, host: 'a@nfs#nfs', cluster_name: 'c@nfs#nfs', status });
    await volume(lost, 'creating');
    await worker('Volume', lost, 'creating', null);
    await volume(theirs, 'downloading');
    await worker('Volume', theirs, 'downloading', python.id);
    await volume(attaching, 'attaching');
    await volume(odd, 'creating');
    const refused = await adopt('--back', '--to', 'old', '--dry-run');
    expect(refused).toMatchObject({ code: 3 });
    // Nobody had received it, or it is none that Python cleans up.
    expect(refused.said).toContain(`not now: Volume ${odd} is creating`);
    expect(refused.said.match(/not now/g)).toHaveLength(1);

    await fixture.sql(`update volumes set status = 'error' where id = ?`, [odd]);
    const back = await adopt('--back', '--to', 'old');
    expect(back).toMatchObject({ code: 0 });
    expect(back.said).toContain('begun work       2;');
    expect(back.said).toContain(`Volume ${lost} creating → error`);
    expect(back.said).toMatch(new RegExp(`others wait      1;.*\n    Volume ${attaching} is attaching`));
    for (const id of [lost, theirs]) expect(await workerOf(id)).toMatchObject({ service_id: String(python.id) });
  });

  it('hands begun work to nobody where the Python service has no row', async () => {
    const member = await register('a@nfs', 'c@nfs');
    await worker('Volume', first, 'creating', member.id);
    const ran = await adopt('--back', '--to', 'nobody', '--dry-run');
    expect(ran).toMatchObject({ code: 3 });
    expect(ran.said).toContain('1 rows of begun work need a services row of nobody@nfs');
  });

  it('does not go back while a replica runs', async () => {
    const run = { id: randomUUID(), host: 'a', pid: 4711, version: '0', serves: ['c@nfs'] };
    await fixture.db.incarnations.register(run);
    const ran = await adopt('--back', '--to', 'old', '--dry-run');
    expect(ran).toMatchObject({ code: 3 });
    expect(ran.said).toContain('not now: the replica a (pid 4711) runs: stop it');
  });

  it('lets nobody leave requests behind in a queue', { timeout: 60_000 }, async () => {
    const { url } = await sharedRabbit();
    const transportUrl = url.replace('amqp:', 'rabbit:');
    await writeFile(conf, confText({ databaseUrl: fixture.url, transportUrl }));
    expect((await adopt('--from', 'old', '--dry-run')).said).toContain('cinder-volume.old@nfs.old: does not exist');
    const transport = createTransport({ url: transportUrl, options: defaultRabbitOptions(), log: silentLogger });
    await transport.start(AbortSignal.timeout(20_000));
    await requestTo(transportUrl, { topic: 'cinder-volume.old@nfs', server: 'old' });
    const ran = await adopt('--from', 'old');
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.said).toContain('not now: 1 requests wait in cinder-volume.old@nfs.old');
    await requestTo(transportUrl, { topic: 'cinder-volume.c@nfs', server: 'c' });
    const back = await adopt('--back', '--to', 'old');
    expect(back).toMatchObject({ code: 1 });
    expect(back.said).toContain('not now: 1 requests wait in cinder-volume.c@nfs.c');
    const nobody = { url: 'rabbit://h:1@127.0.0.1:1/', options: defaultRabbitOptions() };
    await expect(queueDepths(nobody, ['cinder-volume.old@nfs'])).rejects.toMatchObject({ code: 'NO_BROKER' });
  });
});

/** As cinder-api and the scheduler send it, to a queue that somebody has read. */
async function requestTo(url: string, target: { readonly topic: string; readonly server: string }): Promise<void> {
  const transport = createTransport({ url, options: defaultRabbitOptions(), log: silentLogger });
  await transport.start(AbortSignal.timeout(20_000));
  const queue = { kind: 'topic', exchange: 'openstack', name: `${target.topic}.${target.server}` } as const;
  const listener = transport.listen({ name: 'once', queues: [queue], prefetch: 1, onDelivery: () => undefined });
  await listener.ready(AbortSignal.timeout(20_000));
  await listener.close();
  const client = new RpcClient({ transport, controlExchange: 'openstack', log: silentLogger });
  await client.cast(target, 'delete_volume', '3.0', {}, AbortSignal.timeout(20_000));
  await client.stop();
  await transport.stop({ force: AbortSignal.timeout(5_000) });
}

function confText({ databaseUrl, transportUrl }: { databaseUrl: string; transportUrl: string }): string {
  return `[DEFAULT]
cluster = c
host = a
enabled_backends = nfs
transport_url = ${transportUrl}
[database]
connection = ${databaseUrl.replaceAll('$', '$$$$')}
[coordination]
backend_url = redis://user:secret@127.0.0.1:6379
[nfs]
volume_driver = cinder.volume.drivers.nfs.NfsDriver
`;
}
