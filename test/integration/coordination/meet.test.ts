import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReplica, type ReplicaProcess } from '../../../src/dev/replica-process.ts';
import { startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { folderConf } from '../../support/folder-conf.ts';
import { freePort } from '../../support/free-port.ts';
import { eventually } from '../../support/poll.ts';
import { buildOnce, sharedRabbit } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

/** What `/v1/status` says of another member. */
interface Member {
  readonly host: string;
  readonly meeting: string;
}

describe('two replicas of one backend', () => {
  let fixture: Fixture;
  let dir: string;
  let share: string;
  let one: ReplicaProcess;
  let two: ReplicaProcess;
  let start: (host: string, locks: string) => Promise<ReplicaProcess>;

  beforeAll(async () => {
    dir = await makeTempDir();
    share = join(dir, 'share');
    await mkdir(share);
    fixture = await startFixture('postgres');
    const rabbit = await sharedRabbit();
    const program = join(await buildOnce(), 'src/main.js');
    start = async (host, locks) => {
      const healthPort = await freePort();
      const configFile = join(dir, `${host}.conf`);
      const places = { host, dir, locks: join(dir, locks), share, healthPort };
      await writeFile(configFile, folderConf({ ...places, rabbitUrl: rabbit.url, databaseUrl: fixture.url }));
      const replica = await startReplica({
        name: host,
        program,
        configFile,
        logFile: join(dir, `${host}.log`),
        healthPort,
      });
      await replica.ready(AbortSignal.timeout(30_000));
      return replica;
    };
    [one, two] = await Promise.all([start('one', 'locks-of-one'), start('two', 'locks-of-two')]);
  }, 180_000);

  afterAll(async () => {
    for (const replica of [one, two]) await replica.stop(10_000);
    await fixture.close();
    await removeDir(dir);
  }, 60_000);

  const membersOf = async (replica: ReplicaProcess): Promise<Readonly<Record<string, string>>> => {
    const response = await fetch(`${replica.healthUrl}/v1/status`);
    const { members } = (await response.json()) as { members: readonly Member[] };
    return Object.fromEntries(members.map(({ host, meeting }) => [host, meeting]));
  };
  const readyz = async (replica: ReplicaProcess): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${replica.healthUrl}/readyz`);
    return { status: response.status, text: await response.text() };
  };

  it('that lock in folders of their own are not ready, and name each other', async () => {
    await eventually(
      async () => (await membersOf(one))['two'] === 'apart' && (await membersOf(two))['one'] === 'apart',
    );
    await eventually(async () => (await readyz(one)).status === 503);
    expect((await readyz(one)).text).toContain(`no common locks with two (pid ${two.pid})`);
    expect(await readFile(one.logFile, 'utf8')).toContain('no common locks with two');
  });

  it('are ready again once they lock in one folder', async () => {
    await two.stop(10_000);
    two = await start('two', 'locks-of-one');
    await eventually(
      async () => (await membersOf(one))['two'] === 'meets' && (await membersOf(two))['one'] === 'meets',
    );
    await eventually(async () => (await readyz(one)).status === 200);
    expect((await readyz(two)).status).toBe(200);
  });
});
