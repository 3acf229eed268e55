/*
 * The thread on which locks are renewed, so that a busy main loop loses none: it has the whole client of a lock service
 * whose locks belong to a connection, and only the heartbeats of the others. It is started by LockThread, speaks
 * worker-protocol, and ends when it is told to or when the main thread ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { BootClock } from '../native/boot-clock.ts';
import { HeartbeatHost } from './heartbeat-host.ts';
import { LockWorker, portLogger, type RemoteBackendDeps } from './lock-worker-host.ts';
import { SharedInstant } from './proof-cell.ts';
import type { WorkerStart } from './worker-protocol.ts';

if (parentPort === null) throw new Error('lock-worker is a worker thread, not a program');
const port = parentPort;
const { spec, mainLoopSeen, silentMainLoopMs } = workerData as WorkerStart;
const clock = new BootClock();
const seen = new SharedInstant(mainLoopSeen);
const silentMs = (): number => clock.nowMs() - seen.read();
const deps: RemoteBackendDeps = { clock, log: portLogger(port), mayRenew: () => silentMs() < silentMainLoopMs };

// One client library only is loaded: each costs memory on a thread that exists for its sake.
switch (spec.kind) {
  case 'redis': {
    const { redisRenewals } = await import('./drivers/redis-renewals.ts');
    new HeartbeatHost(port, redisRenewals(spec, deps)).listen();
    break;
  }
  case 'etcd': {
    const { etcdRenewals } = await import('./drivers/etcd-renewals.ts');
    new HeartbeatHost(port, etcdRenewals(spec, deps)).listen();
    break;
  }
  case 'zookeeper': {
    const { ZookeeperStandIn } = await import('./drivers/zookeeper-stand-in.ts');
    new HeartbeatHost(port, new ZookeeperStandIn(spec, { ...deps, silentMs })).listen();
    break;
  }
  case 'mysql': {
    const { MysqlBackend } = await import('./drivers/mysql.ts');
    new LockWorker(port, new MysqlBackend(spec, deps)).listen();
    break;
  }
  case 'memcached': {
    const { MemcachedBackend } = await import('./drivers/memcached.ts');
    new LockWorker(port, new MemcachedBackend(spec, deps)).listen();
    break;
  }
  default:
    throw new Error(`${spec.kind} locks need no worker`);
}
