import { Redis } from 'ioredis';
import { lockServers, type LockServer } from '../../support/lock-servers.ts';
import { expectAnswer } from '../../support/redis-server.ts';
import { forgetZookeeperLocks } from './forget-zookeeper.ts';
import type { StrikeKind } from './story.ts';

/** A lock service, and what can be done to it. */
export interface ServiceKind {
  readonly name: string;
  /** Undefined: locks in a folder. */
  readonly start?: LockServer['start'];
  /** `[coordination] backend_url` through this port, or with its files in this folder. */
  url(port: number, dir: string): string;
  readonly strikes: readonly StrikeKind[];
  /** A restart is one more way to forget: the locks live in connections, or in memory. */
  readonly forgetsAtRestart: boolean;
  /** A lock ends for others with its owner's connection, which the owner learns a moment later. */
  readonly endsWithConnection: boolean;
  /** Takes the locks away from their owners while the service goes on. */
  forget?(port: number): Promise<void>;
}

export const onProcesses: readonly StrikeKind[] = ['kill', 'freeze', 'block'];
const all: readonly StrikeKind[] = [...onProcesses, 'partition', 'stall', 'restart', 'forget'];

export const serviceKinds: readonly ServiceKind[] = [
  {
    name: 'file',
    url: (_, dir) => `file://${dir}`,
    strikes: onProcesses,
    forgetsAtRestart: false,
    endsWithConnection: true,
  },
  {
    name: 'zookeeper',
    ...lockServers.zookeeper,
    strikes: all,
    forgetsAtRestart: false,
    endsWithConnection: false,
    forget: forgetZookeeperLocks,
  },
  {
    name: 'etcd',
    ...lockServers.etcd,
    strikes: all,
    forgetsAtRestart: false,
    endsWithConnection: false,
    forget: forgetEtcdLocks,
  },
  {
    name: 'redis',
    ...lockServers.redis,
    strikes: all,
    forgetsAtRestart: false,
    endsWithConnection: false,
    forget: forgetRedisLocks,
  },
  {
    name: 'mysql',
    ...lockServers.mysql,
    strikes: [...onProcesses, 'partition', 'stall', 'restart'],
    forgetsAtRestart: true,
    endsWithConnection: true,
  },
  {
    name: 'memcached',
    ...lockServers.memcached,
    strikes: all,
    forgetsAtRestart: true,
    endsWithConnection: false,
    forget: (port) => expectAnswer(port, 'flush_all\r\n', /^OK/),
  },
];

async function forgetRedisLocks(port: number): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2 });
  await client.flushall();
  client.disconnect();
}

async function forgetEtcdLocks(port: number): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
  const body = JSON.stringify({ key: base64('\0'), range_end: base64('\0') });
  const answer = await fetch(`http://127.0.0.1:${port}/v3/kv/deleterange`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`etcd answers ${answer.status}`);
}
