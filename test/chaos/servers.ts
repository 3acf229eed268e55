import {
  startPostgres,
  startRabbit,
  startRedis,
  startZookeeper,
  type PostgresServer,
  type RabbitServer,
} from '../support/servers.ts';
import type { TestServer } from '../support/test-server.ts';
import type { ChaosOptions } from './options.ts';

export interface Servers {
  readonly rabbit: RabbitServer;
  readonly postgres: PostgresServer;
  readonly locks?: TestServer & { readonly url: string };
}

export async function startServers(options: Pick<ChaosOptions, 'locks'>): Promise<Servers> {
  const [postgres, rabbit, locks] = await Promise.all([
    startPostgres(),
    startRabbit(),
    options.locks === 'redis' ? startRedis({ appendOnly: true }) : undefined,
  ]);
  const zookeeper = options.locks === 'zookeeper' ? await startZookeeper({ tickMs: 500 }) : undefined;
  const service = locks ?? zookeeper;
  return { postgres, rabbit, ...(service === undefined ? {} : { locks: service }) };
}

export async function stopServers(servers: Servers): Promise<void> {
  await Promise.all([servers.postgres.stop(), servers.rabbit.stop(), servers.locks?.stop()]);
}
