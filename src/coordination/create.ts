import { randomUUID } from 'node:crypto';
import { InvalidInputError } from '../kernel/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { BackendSpec, RedisKeyForm } from './backend-spec.ts';
import type { Coordinator } from './coordinator.ts';
import { FileBackend } from './drivers/file.ts';
import { MemoryBackend, MemoryLocks } from './drivers/memory.ts';
import { LeaseMargin } from './lease-margin.ts';
import { Heartbeats } from './heartbeats.ts';
import { LoadedBackend } from './loaded-backend.ts';
import type { LockBackend } from './lock-backend.ts';
import { LockCoordinator } from './lock-coordinator.ts';
import { parseBackendSpec } from './parse-spec.ts';
import { WorkerBackend } from './worker-backend.ts';

export interface CoordinatorOptions {
  /** `[coordination] backend_url`: a Tooz URL; `memory://` locks within this process. */
  readonly url: string;
  /** `heartbeat`: the longest time between two renewals. */
  readonly heartbeatMs: number;
  /** `initial_reconnect_backoff` and `max_reconnect_backoff`. */
  readonly initialReconnectBackoffMs: number;
  readonly maxReconnectBackoffMs: number;
  /** How long a lock outlives its owner; by default the URL's `lock_timeout` or `timeout`, or Tooz's 30 s (10 s). */
  readonly lockTtlMs?: number;
  /** Taken off every proof of ownership. */
  readonly safetyMarginMs: number;
  /** Without a sign of the main loop for that long, the heartbeat thread stops renewing. */
  readonly silentMainLoopMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** By default `cinder-<uuid>`, new at every start, as cinder's own. */
  readonly memberId?: string;
  /** Which of Tooz's two spellings of a Redis key is taken; by default both. */
  readonly redisKeyForm?: RedisKeyForm;
  /** The locks that several `memory://` coordinators share; by default each has its own. */
  readonly memoryLocks?: MemoryLocks;
}

/**
 * Makes the coordinator for a Tooz URL; nothing is connected before `start`.
 *
 * @throws InvalidInputError naming the scheme or the option of the URL that is wrong, or a time too short for the margin
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { clock, log } = options;
  const memberId = options.memberId ?? `cinder-${randomUUID()}`;
  const spec = parseBackendSpec(options.url, {
    memberId,
    heartbeatMs: options.heartbeatMs,
    reconnect: { initialMs: options.initialReconnectBackoffMs, maxMs: options.maxReconnectBackoffMs },
    redisKeyForm: options.redisKeyForm ?? 'both',
    ...(options.lockTtlMs === undefined ? {} : { lockTtlMs: options.lockTtlMs }),
  });
  const margin = marginOf(spec, options.safetyMarginMs);
  const backend = createBackend(spec, options, memberId);
  return new LockCoordinator({ backend, clock, log, margin });
}

/** With less left, a lease would hardly be proven between two renewals, and waits would never end. */
const largestMarginShare = 1 / 4;

function marginOf(spec: BackendSpec, baseMs: number): LeaseMargin {
  const lastsMs = 'ttlMs' in spec ? spec.ttlMs : 'sessionTimeoutMs' in spec ? spec.sessionTimeoutMs : Infinity;
  const mostMs = lastsMs * largestMarginShare;
  if (baseMs <= mostMs) return new LeaseMargin({ baseMs, mostMs });
  throw new InvalidInputError(
    '[coordination] safety_margin',
    `${baseMs} ms are too much for a lock that lasts ${lastsMs} ms; at most a quarter of that is possible: raise lock_ttl (or the URL's timeout), or lower the margin`,
  );
}

function createBackend(spec: BackendSpec, options: CoordinatorOptions, memberId: string): LockBackend {
  const { clock, log, silentMainLoopMs } = options;
  const reconnect = { initialMs: options.initialReconnectBackoffMs, maxMs: options.maxReconnectBackoffMs };
  const thread = { spec, clock, log, silentMainLoopMs, reconnect };
  switch (spec.kind) {
    case 'memory':
      return new MemoryBackend({ locks: options.memoryLocks ?? new MemoryLocks(), memberId });
    case 'file':
      return new FileBackend({ ...spec, clock, log });
    case 'zookeeper':
      return new LoadedBackend('zookeeper locks', async () => {
        const { ZookeeperBackend } = await import('./drivers/zookeeper.ts');
        return new ZookeeperBackend(spec, { clock, log, heartbeats: new Heartbeats(thread) });
      });
    case 'redis':
      return new LoadedBackend('redis locks', async () => {
        const { RedisBackend } = await import('./drivers/redis.ts');
        return new RedisBackend(spec, { clock, log, heartbeats: new Heartbeats(thread) });
      });
    case 'etcd':
      return new LoadedBackend('etcd locks', async () => {
        const { EtcdBackend } = await import('./drivers/etcd.ts');
        return new EtcdBackend(spec, { clock, log, heartbeats: new Heartbeats(thread) });
      });
    case 'mysql':
    case 'memcached':
      return new WorkerBackend(thread);
  }
}
