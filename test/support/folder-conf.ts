interface Places {
  readonly host: string;
  /** Where the replica keeps its state, and all replicas their locks. */
  readonly dir: string;
  /** Another folder for the locks. */
  readonly locks?: string;
  readonly share: string;
  readonly healthPort: number;
  /** `amqp://…` */
  readonly rabbitUrl: string;
  /** `postgres://…` */
  readonly databaseUrl: string;
}

/**
 * The `cinder.conf` of one replica of the cluster `aa`, with one backend, `folder`, on a shared folder. Cinder's Python
 * code reads it as well: the options of the one are unknown to the other, and do it no harm.
 */
export function folderConf({ host, dir, locks, share, healthPort, rabbitUrl, databaseUrl }: Places): string {
  return `[DEFAULT]
host = ${host}
cluster = aa
enabled_backends = folder
state_path = ${dir}/${host}
transport_url = ${rabbitUrl.replace(/^amqp:/, 'rabbit:')}
report_interval = 2
rpc_response_timeout = 20

[database]
connection = ${databaseUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg2:')}

[coordination]
backend_url = file://${locks ?? `${dir}/locks`}
meet_interval = 1

[health]
port = ${healthPort}

[cinder_volume_aa]
incarnation_heartbeat = 0.5
presumed_dead_after = 2

[folder]
volume_driver = cinder_volume_aa.drivers.FolderDriver
volume_backend_name = folder
nas_host = demo
nas_share_path = ${share}
nfs_snapshot_support = true
nas_secure_file_operations = false
nas_secure_file_permissions = true
`;
}
