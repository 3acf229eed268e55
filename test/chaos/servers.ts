import type { LockService } from './options.ts';
import {
  startEtcd,
  startPostgres,
  startRabbit,
  startRedis,
  startZookeeper,
  type PostgresServer,
  type RabbitServer,
} from '../support/servers.ts';
import type { TestServer } from '../support/test-server.ts';

type LockServer = TestServer & { readonly url: string };

export interface Servers {
  readonly rabbit: RabbitServer;
  readonly postgres: PostgresServer;
  readonly locks?: LockServer;
}

/** Each keeps what it has confirmed over a restart. */
const lockServers: Readonly<Record<LockService, () => Promise<LockServer | undefined>>> = {
  file: () => Promise.resolve(undefined),
  redis: () => startRedis({ appendOnly: true }),
  zookeeper: () => startZookeeper({ tickMs: 500 }),
  etcd: async () => {
    const server = await startEtcd();
    return Object.assign(server, { url: `etcd3+http://127.0.0.1:${server.port}` });
  },
};

export async function startServers({ locks }: { readonly locks: LockService }): Promise<Servers> {
  const [postgres, rabbit, service] = await Promise.all([startPostgres(), startRabbit(), lockServers[locks]()]);
  return { postgres, rabbit, ...(service === undefined ? {} : { locks: service }) };
}

export async function stopServers(servers: Servers): Promise<void> {
  await Promise.all([servers.postgres.stop(), servers.rabbit.stop(), servers.locks?.stop()]);
}
