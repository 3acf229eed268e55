/*
 * The thread on which lock services that need heartbeats live, so that a busy main loop loses no lock. It is started
 * by WorkerBackend, speaks worker-protocol, and ends when it is told to or when the main thread ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { BootClock } from '../native/boot-clock.ts';
import type { BackendSpec } from './backend-spec.ts';
import type { LockBackend } from './lock-backend.ts';
import { LockWorker, portLogger, type RemoteBackendDeps } from './lock-worker-host.ts';
import { SharedInstant } from './proof-cell.ts';
import type { WorkerStart } from './worker-protocol.ts';

/** Loads one client library only: each costs memory on a thread that exists for its sake. */
async function createRemoteBackend(spec: BackendSpec, deps: RemoteBackendDeps): Promise<LockBackend> {
  switch (spec.kind) {
    case 'redis': {
      const { RedisBackend } = await import('./drivers/redis.ts');
      return new RedisBackend(spec, deps);
    }
    case 'zookeeper': {
      const { ZookeeperBackend } = await import('./drivers/zookeeper.ts');
      return new ZookeeperBackend(spec, deps);
    }
    case 'etcd': {
      const { EtcdBackend } = await import('./drivers/etcd.ts');
      return new EtcdBackend(spec, deps);
    }
    case 'mysql': {
      const { MysqlBackend } = await import('./drivers/mysql.ts');
      return new MysqlBackend(spec, deps);
    }
    case 'memcached': {
      const { MemcachedBackend } = await import('./drivers/memcached.ts');
      return new MemcachedBackend(spec, deps);
    }
    default:
      throw new Error(`${spec.kind} locks need no worker`);
  }
}

if (parentPort === null) throw new Error('lock-worker is a worker thread, not a program');
const port = parentPort;
const { spec, mainLoopSeen, silentMainLoopMs } = workerData as WorkerStart;
const clock = new BootClock();
const seen = new SharedInstant(mainLoopSeen);
const deps: RemoteBackendDeps = {
  clock,
  log: portLogger(port),
  mayRenew: () => clock.nowMs() - seen.read() < silentMainLoopMs,
};
new LockWorker(port, await createRemoteBackend(spec, deps)).listen();
