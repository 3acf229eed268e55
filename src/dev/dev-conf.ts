import { join } from 'node:path';

/** Where everything of `cinder-volume-aa dev` lies. */
export interface DevPaths {
  readonly dir: string;
  readonly postgres: string;
  readonly share: string;
  readonly locks: string;
  readonly hubSocket: string;
}

export function devPaths(dir: string): DevPaths {
  return {
    dir,
    postgres: join(dir, 'postgres'),
    share: join(dir, 'share'),
    locks: join(dir, 'locks'),
    hubSocket: join(dir, 'hub.sock'),
  };
}

/** The one backend's section, its pool, and the cluster's name. */
export const devBackend = 'folder';
export const devCluster = 'demo';

export interface DevConfInput {
  readonly paths: DevPaths;
  readonly host: string;
  readonly databaseUrl: string;
  readonly healthPort: number;
  readonly snapshots: boolean;
}

/**
 * A replica's `cinder.conf`, as an operator would write it. Heartbeats are faster than in production: nobody likes to
 * watch a demo wait for a dead process to be presumed dead.
 */
export function devConf({ paths, host, databaseUrl, healthPort, snapshots }: DevConfInput): string {
  return `# Made by cinder-volume-aa dev.
[DEFAULT]
host = ${host}
cluster = ${devCluster}
enabled_backends = ${devBackend}
state_path = ${literal(join(paths.dir, host))}
transport_url = ${literal(`hub://${paths.hubSocket}`)}
report_interval = 2
service_down_time = 8
graceful_shutdown_timeout = 10

[database]
connection = ${literal(databaseUrl)}

[coordination]
backend_url = ${literal(`file://${paths.locks}`)}

[health]
port = ${healthPort}

[cinder_volume_aa]
incarnation_heartbeat = 0.5
presumed_dead_after = 3

[${devBackend}]
volume_driver = cinder_volume_aa.drivers.FolderDriver
volume_backend_name = ${devBackend}
nas_host = demo
nas_share_path = ${literal(paths.share)}
nfs_snapshot_support = ${snapshots}
# Upstream refuses snapshots where files are handled by the service user alone.
nas_secure_file_operations = ${!snapshots}
nas_secure_file_permissions = true
`;
}

/** A value in which `$` stands for itself. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
