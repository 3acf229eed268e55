import { startEtcd, startMariadb, startMemcached, startRedis, startZookeeper, type TestServer } from './servers.ts';

/** A lock service as its own clients reach it. */
export interface LockServer {
  start(): Promise<TestServer>;
  /** `[coordination] backend_url` by this port, which may be a proxy's. */
  url(port: number): string;
}

export const lockServerNames = ['zookeeper', 'etcd', 'redis', 'mysql', 'memcached'] as const;
export type LockServerName = (typeof lockServerNames)[number];

/** Those that can keep locks over a restart do, and sessions of ZooKeeper may be as short as the tests need them. */
export const lockServers: Readonly<Record<LockServerName, LockServer>> = {
  zookeeper: { start: () => startZookeeper({ tickMs: 500 }), url: (port) => `zookeeper://127.0.0.1:${port}` },
  etcd: { start: () => startEtcd(), url: (port) => `etcd3+http://127.0.0.1:${port}` },
  redis: { start: () => startRedis({ appendOnly: true }), url: (port) => `redis://127.0.0.1:${port}` },
  mysql: { start: () => startMariadb(), url: (port) => `mysql://root@127.0.0.1:${port}/mysql` },
  memcached: { start: () => startMemcached(), url: (port) => `memcached://127.0.0.1:${port}` },
};
