import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startReplica, type ReplicaProcess } from '../../src/dev/replica-process.ts';
import { startFixture, type Fixture } from '../contract/db/fixture.ts';
import { folderConf } from '../support/folder-conf.ts';
import { freePort } from '../support/free-port.ts';
import { buildOnce, sharedRabbit } from '../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';
import { VolumeClient } from './volume-client.ts';

/** A replica that is a process of its own, and Cinder's own client of it, on RabbitMQ and on one database. */
export interface RunningService {
  readonly fixture: Fixture;
  readonly client: VolumeClient;
  readonly share: string;
  readonly dir: string;
  readonly configFile: string;
  readonly healthUrl: string;
  stop(): Promise<void>;
}

/** @param more further sections of its conf file */
export async function startService(more = ''): Promise<RunningService> {
  const dir = await makeTempDir();
  const share = join(dir, 'share');
  await mkdir(share);
  const fixture = await startFixture('postgres');
  const [rabbit, healthPort] = [await sharedRabbit(), await freePort()];
  const configFile = join(dir, 'cinder.conf');
  const servers = { rabbitUrl: rabbit.url, databaseUrl: fixture.url };
  await writeFile(configFile, folderConf({ host: 'ctl', dir, share, healthPort, ...servers }) + more);
  const program = join(await buildOnce(), 'src/main.js');
  const logFile = join(dir, 'replica.log');
  const replica: ReplicaProcess = await startReplica({ name: 'ctl', program, configFile, logFile, healthPort });
  await replica.ready(AbortSignal.timeout(30_000));
  const client = new VolumeClient(configFile);
  return {
    ...{ fixture, client, share, dir, configFile, healthUrl: `http://127.0.0.1:${healthPort}` },
    stop: async () => {
      await client.stop();
      await replica.stop(10_000);
      await fixture.close();
      await removeDir(dir);
    },
  };
}
