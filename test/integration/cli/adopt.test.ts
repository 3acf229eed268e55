import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/program.ts';
import { queueDepths } from '../../../src/rpc/rabbit/queue-depths.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { createTransport } from '../../../src/rpc/create-transport.ts';
import { newEntry, startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { defaultRabbitOptions } from '../../contract/transport/rabbit-defaults.ts';
import { sharedRabbit } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

/** What a command printed, both ways, and its exit code. */
interface Ran {
  readonly code: number;
  readonly said: string;
}

describe('adopt', () => {
  let fixture: Fixture;
  let dir: string;
  let conf: string;
  let python: { readonly id: number; readonly uuid: string };
  const [first, second, elsewhere] = [randomUUID(), randomUUID(), randomUUID()];

  beforeEach(async () => {
    fixture = await startFixture('postgres');
    dir = await makeTempDir();
    conf = join(dir, 'cinder.conf');
    await writeFile(conf, confText({ databaseUrl: fixture.url, transportUrl: `hub://${join(dir, 'hub.sock')}` }));
    python = await register('old@nfs', null);
    await silence('old@nfs');
    for (const id of [first, second]) {
      await fixture.db.volumes.create({ id, host: 'old@nfs#nfs', status: 'available', service_uuid: python.uuid });
    }
    await fixture.db.volumes.create({ id: elsewhere, host: 'older@nfs#nfs', status: 'available' });
    await fixture.db.workers.create('Volume', second, 'deleting');
    await fixture.sql('update workers set service_id = $1 where resource_id = $2', [python.id, second]);
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
  const silence = (host: string) =>
    fixture.sql(`update services set updated_at = created_at - interval '1 hour' where host = $1`, [host]);

  const volumes = () =>
    fixture.sql('select id, host, cluster_name, service_uuid from volumes order by host, cluster_name, id');

  it('says what would change, and what hinders it, and changes nothing', async () => {
    const before = await volumes();
    const ran = await adopt('--from', 'old', '--dry-run');
    expect(ran).toMatchObject({ code: 0, said: expect.stringContaining('[nfs] old@nfs → cluster c@nfs') as string });
    expect(ran.said).toContain('2 volumes, 0 groups, 0 consistency groups, 0 cached images');
    expect(ran.said).toContain(`Volume ${second} deleting`);
    expect(ran.said).toContain('cinder-volume.c@nfs (until now cinder-volume.old@nfs');
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
    await fixture.sql('update volumes set host = $1, service_uuid = $2 where id = $3', [
      'a@nfs#nfs',
      member.uuid,
      first,
    ]);
    await fixture.sql('update workers set service_id = $1 where resource_id = $2', [member.id, second]);
    await fixture.db.journal.receive([newEntry({ backend: 'c@nfs' })], 'gone');
    const refused = await adopt('--back', '--to', 'old');
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.said).toContain('not now: 1 requests are not ended');

    await fixture.sql(`update aa_journal set finished_at = received_at, outcome = 'done'`);
    const back = await adopt('--back', '--to', 'old');
    expect(back).toMatchObject({ code: 0 });
    expect(back.said).toContain('services removed a@nfs (cinder-volume)');
    expect(await volumes()).toEqual(before);
    expect(await fixture.sql('select service_id from workers where resource_id = $1', [second])).toEqual([
      { service_id: String(python.id) },
    ]);
    expect((await fixture.db.services.list()).map(({ host, cluster_name }) => [host, cluster_name])).toEqual([
      ['old@nfs', null],
    ]);
    expect(await fixture.db.clusters.get('c@nfs', 'cinder-volume')).toBeNull();
    expect(await fixture.sql(`select tablename from pg_tables where tablename like 'aa!_%' escape '!'`)).toEqual([]);
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
    expect((await adopt('--from', 'old', '--dry-run')).said).toContain('cinder-volume.old@nfs, does not exist');
    const transport = createTransport({ url: transportUrl, options: defaultRabbitOptions(), log: silentLogger });
    await transport.start(AbortSignal.timeout(20_000));
    const key = 'cinder-volume.old@nfs';
    const queue = { kind: 'topic', exchange: 'openstack', name: key } as const;
    const listener = transport.listen({ name: 'once', queues: [queue], prefetch: 1, onDelivery: () => undefined });
    await listener.ready(AbortSignal.timeout(20_000));
    await listener.close();
    const to = { kind: 'topic', exchange: 'openstack', key } as const;
    await transport.publish({ to, body: Buffer.from('{}') }, AbortSignal.timeout(20_000));
    await transport.stop({ force: AbortSignal.timeout(5_000) });

    const ran = await adopt('--from', 'old');
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.said).toContain('not now: 1 requests wait in cinder-volume.old@nfs');
    const nobody = { url: 'rabbit://h:1@127.0.0.1:1/', options: defaultRabbitOptions() };
    await expect(queueDepths(nobody, [key])).rejects.toMatchObject({ code: 'NO_BROKER' });
  });
});

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
