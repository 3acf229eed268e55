import { lockServers } from '../support/lock-servers.ts';
import { startPostgres, startRabbit, type PostgresServer, type RabbitServer } from '../support/servers.ts';
import type { TestServer } from '../support/test-server.ts';
import type { LockService } from './options.ts';

type LockServer = TestServer & { readonly url: string };

export interface Servers {
  readonly rabbit: RabbitServer;
  readonly postgres: PostgresServer;
  readonly locks?: LockServer;
}

export async function startServers({ locks }: { readonly locks: LockService }): Promise<Servers> {
  const [postgres, rabbit, service] = await Promise.all([startPostgres(), startRabbit(), startLocks(locks)]);
  return { postgres, rabbit, ...(service === undefined ? {} : { locks: service }) };
}

/** Undefined for locks in a folder. */
async function startLocks(service: LockService): Promise<LockServer | undefined> {
  if (service === 'file') return undefined;
  const server = await lockServers[service].start();
  return Object.assign(server, { url: lockServers[service].url(server.port) });
}

export async function stopServers(servers: Servers): Promise<void> {
  await Promise.all([servers.postgres.stop(), servers.rabbit.stop(), servers.locks?.stop()]);
}
