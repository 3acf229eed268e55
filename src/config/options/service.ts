import { boolean, defineOptions, integer, list, seconds, string } from '../option.ts';

/** A file name template in which `%s` stands for the id. */
function nameTemplate(text: string): string | undefined {
  const [before, after, ...more] = text.split('%s');
  if (after === undefined || more.length > 0) return 'must contain %s exactly once';
  return /[/\0%]/.test(`${before ?? ''}${after}`) ? 'must be a file name: no slash, and no % besides %s' : undefined;
}

/** A part of `host@backend#pool`. */
function hostPart(text: string): string | undefined {
  return /[@#\s]/.test(text) ? 'must have no @, # or white space: they separate host, backend and pool' : undefined;
}

/** `[DEFAULT]`: what the process is and how it serves. */
export const serviceOptions = defineOptions('DEFAULT', {
  enabledBackends: list('enabled_backends', [], {
    help: 'The sections of the backends that this process serves, one services row (host@section) for each.',
  }),
  host: string('host', '', {
    machineDefault: 'hostname',
    check: hostPart,
    help: 'Name of this replica in services rows, queue names and volumes. Any words will do; every replica has its own, unless they are meant to share one services row.',
  }),
  cluster: string('cluster', null, {
    check: hostPart,
    help: 'Name of the active/active cluster that this replica belongs to. All replicas of a cluster take the requests for its volumes from one queue.',
  }),
  myIp: string('my_ip', '', {
    machineDefault: 'address',
    help: 'The address of this machine as others see it; for use in other options as $my_ip.',
  }),
  statePath: string('state_path', '/var/lib/cinder', {
    help: 'Top folder for what the service keeps on this machine.',
  }),
  storageAvailabilityZone: string('storage_availability_zone', 'nova', {
    help: 'Availability zone of this replica, unless its backend says otherwise (backend_availability_zone).',
  }),
  enableNewServices: boolean('enable_new_services', true, {
    help: 'Whether a services row that is made new takes volumes at once. Set it to false to enable each by hand.',
  }),
  transportUrl: string('transport_url', 'rabbit://', {
    secret: true,
    help: 'The message queue: rabbit://user:password@host:port[,user:password@host:port...]/virtual_host. Options of [oslo_messaging_rabbit] may follow as a query.',
  }),
  controlExchange: string('control_exchange', 'openstack', {
    help: 'The exchange in which topics live. It must be the same for all of Cinder.',
  }),
  rpcResponseTimeoutMs: seconds('rpc_response_timeout', 60, {
    min: 1,
    help: 'Seconds that a caller waits for the answer to a call.',
  }),
  migrationCreateVolumeTimeoutMs: seconds('migration_create_volume_timeout_secs', 300, {
    min: 1,
    help: 'Seconds that a migration waits for the other backend to make the volume.',
  }),
  executorThreadPoolSize: integer('executor_thread_pool_size', 64, {
    min: 1,
    formerly: ['rpc_thread_pool_size'],
    help: 'How many requests one backend works on at the same time. Requests that wait for a lock are not counted.',
  }),
  rpcPingEnabled: boolean('rpc_ping_enabled', false, {
    help: 'Whether the RPC method oslo_rpc_server_ping is answered.',
  }),
  reportIntervalMs: seconds('report_interval', 10, {
    min: 1,
    help: 'Seconds between two heartbeats of a services row.',
  }),
  serviceDownTimeMs: seconds('service_down_time', 60, {
    min: 1,
    help: 'Seconds after its last heartbeat at which a service is taken for dead. Where it is not longer than report_interval, two and a half times that is used.',
  }),
  backendStatsPollingIntervalMs: seconds('backend_stats_polling_interval', 60, {
    min: 3,
    help: 'Seconds between two capability reports to the scheduler.',
  }),
  volumeNameTemplate: string('volume_name_template', 'volume-%s', {
    check: nameTemplate,
    help: 'File name of a volume on the backend; %s is its id. Do not change it while there are volumes.',
  }),
  defaultVolumeType: string('default_volume_type', '__DEFAULT__', {
    help: 'The volume type of volumes that are created without one.',
  }),
  noSnapshotGbQuota: boolean('no_snapshot_gb_quota', false, {
    help: 'Whether the size of snapshots is left out of the gigabytes quota.',
  }),
  quotaGigabytes: integer('quota_gigabytes', 1000, {
    min: -1,
    help: 'GiB that a project may have, unless a quota of its own or of the class default in the database says otherwise; -1: no limit. Here volumes and snapshots that are taken in are held to it.',
  }),
  perVolumeSizeLimit: integer('per_volume_size_limit', -1, {
    min: -1,
    help: 'GiB that one volume may have, unless a quota in the database (per_volume_gigabytes) says otherwise; -1: no limit. Here volumes that are taken in are held to it.',
  }),
  useDefaultQuotaClass: boolean('use_default_quota_class', true, {
    help: "Whether the limits of the database's quota class default go before those of the options.",
  }),
  messageTtlMs: seconds('message_ttl', 2592000, {
    min: 1,
    help: 'Seconds for which a message to the user about a failed request is kept.',
  }),
  reinitDriverCount: integer('reinit_driver_count', 3, {
    min: 0,
    help: 'How often a backend that does not come up at start is tried again.',
  }),
  gracefulShutdownTimeoutMs: seconds('graceful_shutdown_timeout', 60, {
    min: 0,
    help: 'Seconds that running operations get to end after a request to stop; 0 waits for ever. What does not end is taken over by another replica, or continued at the next start.',
  }),
});
