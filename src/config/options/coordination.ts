import { defineOptions, fractionalSeconds, string } from '../option.ts';

/** `[coordination]`: the locks. */
export const coordinationOptions = defineOptions('coordination', {
  backendUrl: string('backend_url', 'file://$state_path', {
    secret: true,
    help: "The lock service, as Tooz writes it: zookeeper://host:2181[,host:2181...], redis://host:6379, file:///folder. Tooz's query options are understood. Locks in files exclude only processes that share the folder.",
  }),
  heartbeatMs: fractionalSeconds('heartbeat', 1, {
    min: 0.1,
    help: 'The longest time in seconds between two signs of life to the lock service.',
  }),
  initialReconnectBackoffMs: fractionalSeconds('initial_reconnect_backoff', 0.1, {
    min: 0.01,
    help: 'Seconds before the first try to reach a lost lock service again.',
  }),
  maxReconnectBackoffMs: fractionalSeconds('max_reconnect_backoff', 60, {
    min: 0.1,
    help: 'The longest wait in seconds between two such tries.',
  }),
});

/** `[oslo_concurrency]`: where others on this machine keep lock files. */
export const concurrencyOptions = defineOptions('oslo_concurrency', {
  lockPath: string('lock_path', null, {
    formerly: [{ group: 'DEFAULT', name: 'lock_path' }],
    help: "Folder for lock files of this machine's processes. Lock files of deleted volumes are removed there.",
  }),
});
