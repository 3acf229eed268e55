import { serviceUserConf } from '../support/image-server.ts';
import type { LockService } from './options.ts';

/** The one backend's section and pool, and the cluster's name. */
export const backend = 'folder';
export const cluster = 'aa';

export interface ReplicaPlace {
  readonly host: string;
  readonly dir: string;
  readonly share: string;
  readonly healthPort: number;
  /** `amqp://…` without the virtual host. */
  readonly rabbitUrl: string;
  readonly vhost: string;
  /** `postgres://…` */
  readonly databaseUrl: string;
  readonly locksUrl: string;
  readonly qcow2: boolean;
  readonly times?: Times;
  readonly more?: More;
}

/** What replicas have besides, where more operations are to be had. */
export interface More {
  /** The share of a second backend, from which volumes migrate to the first. */
  readonly leavingShare?: string;
  /** Of Glance and Keystone, where there are any. */
  readonly imagesUrl?: string;
}

/** The second backend: it reaches both shares, as an NFS client can. */
export const leaving = 'leaving';

/** Seconds. They are short, so that a run has many take-overs. */
export interface Times {
  /** How long a lock outlives its owner. */
  readonly lockTtl: number;
  /** When a silent owner is presumed dead. */
  readonly presumedDead: number;
}

const usualTimes: Times = { lockTtl: 4, presumedDead: 2 };

export function replicaConf(place: ReplicaPlace): string {
  const { host, dir, share, healthPort, rabbitUrl, vhost, databaseUrl, locksUrl, qcow2, times = usualTimes } = place;
  const { more } = place;
  return `[DEFAULT]
host = ${host}
cluster = ${cluster}
enabled_backends = ${more?.leavingShare === undefined ? backend : `${backend},${leaving}`}
state_path = ${dir}/${host}
transport_url = ${rabbitUrl.replace(/^amqp:/, 'rabbit:')}/${vhost}
report_interval = 2
rpc_response_timeout = 20
${more?.imagesUrl === undefined ? '' : `glance_api_servers = ${more.imagesUrl}\n`}service_down_time = 60
graceful_shutdown_timeout = 10

[database]
connection = ${databaseUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg2:')}

[coordination]
backend_url = ${locksUrl}
${locksUrl.startsWith('file:') ? '' : `lock_ttl = ${times.lockTtl}\nsafety_margin = ${times.lockTtl / 4}\n`}max_reconnect_backoff = 1
allow_memcached_in_cluster = true

[health]
port = ${healthPort}

[cinder_volume_aa]
incarnation_heartbeat = ${times.presumedDead / 4}
presumed_dead_after = ${times.presumedDead}

${more?.imagesUrl === undefined ? '' : serviceUserConf(more.imagesUrl)}${section(backend, qcow2, `nas_host = demo\nnas_share_path = ${share}`)}${
    more?.leavingShare === undefined ? '' : section(leaving, qcow2, `nfs_shares_config = ${dir}/shares`)
  }`;
}

function section(name: string, qcow2: boolean, shares: string): string {
  return `[${name}]
volume_driver = cinder_volume_aa.drivers.FolderDriver
volume_backend_name = ${name}
${shares}
nfs_qcow2_volumes = ${qcow2}
nfs_snapshot_support = true
nas_secure_file_operations = false
nas_secure_file_permissions = true

`;
}

export function locksUrlOf(service: LockService, dir: string, serverUrl: string | undefined): string {
  return service === 'file' ? `file://${dir}/locks` : (serverUrl ?? '');
}
