import { inject } from 'vitest';
import { RabbitAdmin } from './rabbit-admin.ts';
import type { ShareName, Shares } from './server-broker.ts';

/*
 * Parts of the servers that the whole test run has in common. The first test that asks for a kind starts it (RabbitMQ
 * takes some seconds: give `beforeAll` 120 s), vitest's global tear-down stops it. Only for tests that leave the
 * server itself alone; those that kill or freeze one start their own (`servers`).
 */

/** An empty PostgreSQL database of one's own. */
export const sharedPostgres = (): Promise<Shares['postgres']> => requestShare('postgres');

/** An empty MariaDB database of one's own. */
export const sharedMariadbDatabase = (): Promise<Shares['mariadb-database']> => requestShare('mariadb-database');

/** An empty vhost of one's own, and the management interface. */
export async function sharedRabbit(): Promise<Shares['rabbit'] & { readonly admin: RabbitAdmin }> {
  const share = await requestShare('rabbit');
  return { ...share, admin: new RabbitAdmin(share.adminUrl) };
}

/** A Redis database (`/N` in the URL) of one's own. Channels of publish/subscribe are common to all. */
export const sharedRedis = (): Promise<Shares['redis']> => requestShare('redis');

/** A ZooKeeper and a namespace (the first part of all paths) that nobody else uses. */
export const sharedZookeeper = (): Promise<Shares['zookeeper']> => requestShare('zookeeper');

/** An etcd that all tests share: choose names of one's own. */
export const sharedEtcd = (): Promise<Shares['etcd']> => requestShare('etcd');

/** A MariaDB that all tests share, and that tells of its named locks: choose names of one's own. */
export const sharedMariadb = (): Promise<Shares['mariadb']> => requestShare('mariadb');

/** A memcached that all tests share: choose names of one's own. */
export const sharedMemcached = (): Promise<Shares['memcached']> => requestShare('memcached');

/** The folder with the compiled program (`src/main.js`), compiled once a run. */
export const buildOnce = async (): Promise<string> => (await requestShare('build')).dist;

async function requestShare<N extends ShareName>(name: N): Promise<Shares[N]> {
  const response = await fetch(`${inject('serverBroker')}/${name}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`no ${name} for this test: ${text}`);
  return JSON.parse(text) as Shares[N];
}
