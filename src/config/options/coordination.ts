import { boolean, choice, defineOptions, fractionalSeconds, string } from '../option.ts';

/** `[coordination]`: the locks. */
export const coordinationOptions = defineOptions('coordination', {
  backendUrl: string('backend_url', 'file://$state_path', {
    secret: true,
    help: "The lock service, as Tooz writes it: zookeeper://host:2181[,host:2181...], redis://host:6379, etcd3+http://host:2379, mysql://user:password@host/database, file:///folder. Tooz's query options are understood. Locks in files exclude only processes that share the folder.",
  }),
  heartbeatMs: fractionalSeconds('heartbeat', 1, {
    min: 0.1,
    max: 60,
    help: 'The longest time in seconds between two renewals of a lock, and so between two signs of life to the lock service. Never more than a third of what the lock lasts.',
  }),
  initialReconnectBackoffMs: fractionalSeconds('initial_reconnect_backoff', 0.1, {
    min: 0.01,
    max: 3600,
    help: 'Seconds before the first try to reach a lost lock service again.',
  }),
  maxReconnectBackoffMs: fractionalSeconds('max_reconnect_backoff', 60, {
    min: 0.1,
    max: 3600,
    help: 'The longest wait in seconds between two such tries.',
  }),
  lockTtlMs: fractionalSeconds('lock_ttl', null, {
    min: 1,
    max: 3600,
    help: "Seconds for which a lock outlives an owner that died, and for which one that is cut off goes on owning it. It stands above the URL's timeout and lock_timeout; unset: those, or Tooz's defaults (30 seconds; ZooKeeper's session: 10). Locks in local files end with their owner.",
  }),
  safetyMarginMs: fractionalSeconds('safety_margin', 1, {
    min: 0,
    max: 60,
    help: 'Seconds by which we stop work before our lock can be taken by somebody else: the time that a step may take which was just allowed to begin. How late the main loop was lately is added by itself. At most a quarter of what the lock lasts.',
  }),
  silentMainLoopMs: fractionalSeconds('silent_main_loop', 30, {
    min: 1,
    max: 3600,
    help: 'Seconds for which the main loop may give no sign before its locks are no longer renewed, so that a process which hangs does not keep them for ever.',
  }),
  redisKeyForm: choice('redis_keys', 'both', ['old', 'new', 'both'], {
    help: 'Which key is taken in Redis. Tooz before release 9 (old) and from it on (new) spell it differently and do not exclude each other. both: two keys for each lock, safe beside either.',
  }),
  allowMemcached: boolean('allow_memcached_in_cluster', false, {
    help: 'Start although cluster is set and the locks are in memcached, which may forget any lock at any time, so that two replicas change one volume at once.',
  }),
  meetIntervalMs: fractionalSeconds('meet_interval', 60, {
    min: 0,
    max: 86400,
    help: 'Seconds between two proofs that members which serve the same backend do exclude one another: each holds a lock in its own name, and tries to take the locks of others. One that can be had makes both not ready. So does a Python service on a queue of ours that does not wait for our locks; for these is looked ten times less often. 0: never.',
  }),
});
