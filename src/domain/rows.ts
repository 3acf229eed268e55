/**
 * Cinder's own records as the database and the wire have them: the names are upstream's column names, which are also
 * its object fields (spec: objects.md). Every timestamp is the database's own text (`YYYY-MM-DD HH:MM:SS.ffffff`,
 * UTC, no zone): a JS Date would lose the microseconds that a compare-and-set needs.
 */
export type Timestamp = string;

interface Persistent {
  readonly created_at: Timestamp | null;
  readonly updated_at: Timestamp | null;
  readonly deleted_at: Timestamp | null;
  readonly deleted: boolean;
}

export interface Volume extends Persistent {
  readonly id: string;
  readonly _name_id: string | null;
  readonly ec2_id: string | null;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly host: string | null;
  readonly cluster_name: string | null;
  /** GiB. */
  readonly size: number | null;
  readonly availability_zone: string | null;
  readonly status: string | null;
  readonly attach_status: string | null;
  readonly migration_status: string | null;
  readonly previous_status: string | null;
  readonly scheduled_at: Timestamp | null;
  readonly launched_at: Timestamp | null;
  readonly terminated_at: Timestamp | null;
  readonly display_name: string | null;
  readonly display_description: string | null;
  readonly provider_location: string | null;
  readonly provider_auth: string | null;
  readonly provider_geometry: string | null;
  readonly provider_id: string | null;
  readonly snapshot_id: string | null;
  readonly source_volid: string | null;
  readonly volume_type_id: string | null;
  readonly bootable: boolean;
  readonly multiattach: boolean;
  readonly encryption_key_id: string | null;
  readonly consistencygroup_id: string | null;
  readonly group_id: string | null;
  readonly replication_status: string | null;
  readonly replication_extended_status: string | null;
  readonly replication_driver_data: string | null;
  readonly service_uuid: string | null;
  /** True, false, or null ("must lock while attached", NVMe). */
  readonly shared_targets: boolean | null;
  readonly use_quota: boolean;
}

export interface Snapshot extends Persistent {
  readonly id: string;
  readonly volume_id: string;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly status: string | null;
  readonly progress: string | null;
  readonly volume_size: number | null;
  readonly display_name: string | null;
  readonly display_description: string | null;
  readonly provider_location: string | null;
  readonly provider_id: string | null;
  readonly provider_auth: string | null;
  readonly encryption_key_id: string | null;
  readonly volume_type_id: string | null;
  readonly cgsnapshot_id: string | null;
  readonly group_snapshot_id: string | null;
  readonly use_quota: boolean;
}

/** A generic volume group. */
export interface Group extends Persistent {
  readonly id: string;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly host: string | null;
  readonly cluster_name: string | null;
  readonly availability_zone: string | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: string | null;
  readonly group_type_id: string | null;
  /** What it is made from, if it is made from a group snapshot or from a group. */
  readonly group_snapshot_id: string | null;
  readonly source_group_id: string | null;
  readonly replication_status: string | null;
}

export interface GroupSnapshot extends Persistent {
  readonly id: string;
  readonly group_id: string;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly status: string | null;
  readonly group_type_id: string | null;
}

export interface VolumeType extends Persistent {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly is_public: boolean;
  readonly qos_specs_id: string | null;
  readonly extra_specs: Readonly<Record<string, string | null>>;
}

export interface VolumeAttachment extends Persistent {
  readonly id: string;
  readonly volume_id: string;
  readonly instance_uuid: string | null;
  readonly attached_host: string | null;
  readonly mountpoint: string | null;
  readonly attach_time: Timestamp | null;
  readonly detach_time: Timestamp | null;
  readonly attach_mode: string | null;
  readonly attach_status: string | null;
  /** JSON text. */
  readonly connection_info: string | null;
  /** JSON text. */
  readonly connector: string | null;
}

/** What this service reads of a backup, which belongs to the backup service. */
export interface Backup extends Persistent {
  readonly id: string;
  readonly volume_id: string;
  readonly snapshot_id: string | null;
  readonly host: string | null;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly status: string | null;
  readonly fail_reason: string | null;
  readonly temp_volume_id: string | null;
}

export interface Service extends Persistent {
  readonly id: number;
  readonly uuid: string;
  readonly host: string;
  readonly binary: string;
  readonly topic: string;
  readonly report_count: number;
  readonly disabled: boolean;
  readonly disabled_reason: string | null;
  readonly availability_zone: string | null;
  readonly rpc_current_version: string | null;
  readonly object_current_version: string | null;
  readonly cluster_name: string | null;
  readonly replication_status: string | null;
  readonly active_backend_id: string | null;
  readonly frozen: boolean;
  readonly modified_at: Timestamp | null;
}

export interface Cluster extends Persistent {
  readonly id: number;
  readonly name: string;
  readonly binary: string;
  readonly disabled: boolean;
  readonly disabled_reason: string | null;
  readonly replication_status: string | null;
  readonly active_backend_id: string | null;
  readonly frozen: boolean;
}

/** The file name's uuid: a migrated volume keeps the name of the row that its data came from. */
export function volumeNameId(volume: Pick<Volume, 'id' | '_name_id'>): string {
  return volume._name_id ?? volume.id;
}
