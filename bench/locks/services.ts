import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../test/support/programs.ts';
import { startEtcd, startMariadb, startMemcached, startRedis, startZookeeper } from '../../test/support/servers.ts';
import { zookeeperJars } from '../../test/support/zookeeper-server.ts';

/** A lock service on a loopback port of its own, or a folder. */
export interface LockService {
  readonly name: ServiceName;
  /** `[coordination] backend_url`, understood by both sides. */
  readonly url: string;
  stop(): Promise<void>;
}

export const serviceNames = ['file', 'zookeeper', 'redis', 'etcd', 'mysql', 'memcached'] as const;
export type ServiceName = (typeof serviceNames)[number];

const nothing = (): Promise<void> => Promise.resolve();

/** Undefined where the machine does not have it. */
export async function startService(name: ServiceName, dir: string): Promise<LockService | undefined> {
  switch (name) {
    case 'file': {
      const folder = join(dir, 'locks');
      await mkdir(folder, { recursive: true });
      return { name, url: `file://${folder}`, stop: nothing };
    }
    case 'zookeeper': {
      if (!zookeeperJars.every(existsSync)) return undefined;
      const server = await startZookeeper();
      return { name, url: server.url, stop: () => server.stop() };
    }
    case 'redis': {
      if (findProgram('redis-server') === undefined) return undefined;
      const server = await startRedis();
      return { name, url: server.url, stop: () => server.stop() };
    }
    case 'etcd': {
      if (findProgram('etcd') === undefined) return undefined;
      const server = await startEtcd();
      // Tooz before 4 asks for v3alpha unless it is told.
      return { name, url: `etcd3+http://127.0.0.1:${server.port}?api_version=v3`, stop: () => server.stop() };
    }
    case 'mysql': {
      if (findProgram('mariadbd') === undefined) return undefined;
      const server = await startMariadb({ settings: ['--max-connections=2000'] });
      return { name, url: `mysql://root:@127.0.0.1:${server.port}/mysql`, stop: () => server.stop() };
    }
    case 'memcached': {
      if (findProgram('memcached') === undefined) return undefined;
      const server = await startMemcached();
      return { name, url: `memcached://127.0.0.1:${server.port}`, stop: () => server.stop() };
    }
  }
}
