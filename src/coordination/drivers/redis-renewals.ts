import type { RedisSpec } from '../backend-spec.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { KeptRenewals } from './kept-renewals.ts';
import { RedisConnection } from './redis-connection.ts';
import { renewScript } from './redis-scripts.ts';

/** What is renewed of a lock. */
export interface RedisKept {
  /** The lock's keys and last its queue's. */
  readonly keys: readonly string[];
  readonly token: string;
}

/** Renews, on the lock thread, the keys of the locks that the main loop holds. */
export function redisRenewals(spec: RedisSpec, deps: RemoteBackendDeps): KeptRenewals<RedisKept> {
  const connection = new RedisConnection(spec, deps.log, 'heartbeats');
  const { ttlMs, beatMs } = spec;
  const service = {
    name: 'Redis',
    ttlMs,
    open: () => connection.open(),
    close: () => connection.close(),
    health: () => connection.health(),
    pauseMs: () => beatMs,
    probe: () => connection.ping(),
    renew: async ({ keys, token }: RedisKept) =>
      (await connection.run(renewScript, keys, [token, ttlMs])) === 1
        ? ttlMs
        : 'its key in Redis is gone or somebody else’s',
  };
  return new KeptRenewals(service, deps);
}
