import { createServer, type Server } from 'node:http';
import { listenOnLoopback } from '../../src/dev/free-port.ts';
import { build, type Build } from './build.ts';
import { startEtcd } from './etcd-server.ts';
import { startMariadb, type MariadbServer } from './mariadb-server.ts';
import { startMemcached } from './memcached-server.ts';
import { startPostgres, type PostgresServer } from './postgres-server.ts';
import { startRabbit, type RabbitServer } from './rabbit-server.ts';
import { startRedis, type RedisServer } from './redis-server.ts';
import type { TestServer } from './test-server.ts';
import { startZookeeper, type ZookeeperServer } from './zookeeper-server.ts';

/** What a test is told of a part of a common server. */
export interface Shares {
  'mariadb-database': { readonly url: string };
  postgres: { readonly url: string };
  rabbit: { readonly url: string; readonly vhost: string; readonly adminUrl: string };
  redis: { readonly url: string };
  zookeeper: { readonly hosts: string; readonly namespace: string };
  etcd: { readonly port: number };
  mariadb: { readonly port: number };
  memcached: { readonly port: number };
  build: { readonly dist: string };
}

export type ShareName = keyof Shares;

/**
 * Starts each kind of server at most once a run, when the first test asks for it, and hands out parts of it that no
 * other test has: a database, a vhost, a Redis database number, a ZooKeeper namespace. Runs in vitest's main process;
 * test files, which run in others, ask over HTTP on loopback.
 */
export class ServerBroker {
  readonly #servers = new Map<ShareName, Promise<TestServer>>();
  readonly #http: Server;
  #build: Promise<Build> | undefined;
  #count = 0;

  constructor() {
    this.#http = createServer((request, response) => {
      const name = (request.url ?? '').slice(1);
      this.#share(name).then(
        (share) => response.end(JSON.stringify(share)),
        (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
    });
  }

  /** Resolves with the address for `requestShare`. */
  async start(): Promise<string> {
    return `http://127.0.0.1:${await listenOnLoopback(this.#http)}`;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    await (await this.#build)?.remove();
    const started = await Promise.allSettled(this.#servers.values());
    await Promise.all(started.map(async (server) => server.status === 'fulfilled' && (await server.value.stop())));
  }

  async #share(name: string): Promise<Shares[ShareName]> {
    this.#count += 1;
    const number = this.#count;
    const part = `part${number}`;
    switch (name) {
      case 'postgres':
        return { url: await (await this.#postgres()).createDatabase(part) };
      case 'mariadb-database':
        return { url: await (await this.#mariadb()).createDatabase(part) };
      case 'rabbit': {
        const { url, admin } = await this.#rabbit();
        await admin.createVhost(part);
        return { url: `${url}/${part}`, vhost: part, adminUrl: admin.url };
      }
      case 'redis':
        return { url: `${(await this.#redis()).url}/${number}` };
      case 'zookeeper':
        return { hosts: (await this.#zookeeper()).hosts, namespace: part };
      case 'etcd':
        return { port: (await this.#etcd()).port };
      case 'mariadb':
        return { port: (await this.#mariadb()).port };
      case 'memcached':
        return { port: (await this.#memcached()).port };
      case 'build':
        return { dist: (await (this.#build ??= build())).dist };
      default:
        throw new Error(`no server is called ${name}`);
    }
  }

  #postgres = (): Promise<PostgresServer> => this.#once('postgres', startPostgres);
  #rabbit = (): Promise<RabbitServer> => this.#once('rabbit', startRabbit);
  #redis = (): Promise<RedisServer> => this.#once('redis', startRedis);
  #zookeeper = (): Promise<ZookeeperServer> => this.#once('zookeeper', startZookeeper);
  #etcd = (): Promise<TestServer> => this.#once('etcd', startEtcd);
  #memcached = (): Promise<TestServer> => this.#once('memcached', startMemcached);
  #mariadb = (): Promise<MariadbServer> =>
    this.#once('mariadb', () => startMariadb({ settings: ['--plugin-load-add=metadata_lock_info'] }));

  #once<T extends TestServer>(name: ShareName, start: () => Promise<T>): Promise<T> {
    const running = (this.#servers.get(name) as Promise<T> | undefined) ?? start();
    this.#servers.set(name, running);
    return running;
  }
}
