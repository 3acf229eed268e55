/**
 * The fields of one kind: names separated by spaces. `!` marks a field that cannot be null, `=value` its default, and
 * `:Name` the enum or the object that it holds.
 */
export interface ObjectDefinition {
  readonly version: string;
  /** Has `created_at`, `updated_at`, `deleted_at` and `deleted` as well. */
  readonly persistent?: true;
  readonly uuid?: string;
  readonly text?: string;
  readonly integer?: string;
  readonly flag?: string;
  readonly time?: string;
  readonly enum?: string;
  /** A dictionary of strings. */
  readonly texts?: string;
  readonly nullableTexts?: string;
  /** A dictionary of anything. */
  readonly dict?: string;
  readonly textList?: string;
  readonly object?: string;
  readonly objectList?: string;
}

/** The values that an enum's field may have. */
export const OBJECT_ENUMS: Readonly<Record<string, string>> = {
  BackupStatus: 'error error_deleting creating available deleting deleted restoring',
  ConsistencyGroupStatus: 'error available creating deleting deleted updating error_deleting',
  GroupStatus: 'error available creating deleting deleted updating in-use error_deleting',
  QoSConsumer: 'back-end front-end both',
  ReplicationStatus: 'error enabled disabled not-capable failover-error failing-over failed-over enabling disabling',
  SnapshotStatus: 'error available creating deleting deleted updating error_deleting unmanaging backing-up restoring',
  VolumeAttachStatus: 'attached attaching detached error_attaching error_detaching reserved deleted',
};

/**
 * Every versioned object that Cinder can send, as of object map 1.39 (Zed until now). In Zed, `use_quota` of Volume and
 * Snapshot may be null; later it may not, but its version is the same, so it is nullable here and made definite when
 * an object is read.
 */
export const OBJECT_DEFINITIONS: Readonly<Record<string, ObjectDefinition>> = {
  Backup: {
    version: '1.7',
    persistent: true,
    uuid: 'id! volume_id!',
    text: 'availability_zone container display_description display_name encryption_key_id fail_reason host parent_id project_id! restore_volume_id service service_metadata snapshot_id temp_snapshot_id temp_volume_id user_id!',
    integer: 'num_dependent_backups object_count size',
    time: 'data_timestamp',
    enum: 'status:BackupStatus',
    texts: 'metadata',
    object: 'parent:Backup',
  },
  BackupDeviceInfo: { version: '1.0', flag: 'secure_enabled!=false', object: 'snapshot:Snapshot volume:Volume' },
  BackupImport: {
    version: '1.7',
    persistent: true,
    uuid: 'id! volume_id!',
    text: 'availability_zone container display_description display_name encryption_key_id fail_reason host parent_id project_id! restore_volume_id service service_metadata snapshot_id temp_snapshot_id temp_volume_id user_id!',
    integer: 'num_dependent_backups object_count size',
    time: 'data_timestamp',
    enum: 'status:BackupStatus',
    texts: 'metadata',
    object: 'parent:Backup',
  },
  BackupList: { version: '1.0', objectList: 'objects:Backup!' },
  CGSnapshot: {
    version: '1.1',
    persistent: true,
    uuid: 'consistencygroup_id id!',
    text: 'description name project_id! status user_id!',
    object: 'consistencygroup:ConsistencyGroup snapshots:SnapshotList',
  },
  CGSnapshotList: { version: '1.0', objectList: 'objects:CGSnapshot!' },
  CleanupRequest: {
    version: '1.0',
    uuid: 'resource_id',
    text: 'binary cluster_name host resource_type',
    integer: 'service_id',
    flag: 'disabled is_up=false',
    time: 'until',
  },
  Cluster: {
    version: '1.1',
    persistent: true,
    text: 'active_backend_id binary! disabled_reason name!',
    integer: 'id! num_down_hosts!=0 num_hosts!=0',
    flag: 'disabled=false frozen!=false',
    time: 'last_heartbeat',
    enum: 'replication_status:ReplicationStatus',
    object: 'services:ServiceList',
  },
  ClusterList: { version: '1.0', objectList: 'objects:Cluster!' },
  ConsistencyGroup: {
    version: '1.4',
    persistent: true,
    uuid: 'cgsnapshot_id id! source_cgid',
    text: 'availability_zone cluster_name description host name project_id! user_id! volume_type_id',
    enum: 'status:ConsistencyGroupStatus',
    object: 'cgsnapshots:CGSnapshotList cluster:Cluster volumes:VolumeList',
  },
  ConsistencyGroupList: { version: '1.1', objectList: 'objects:ConsistencyGroup!' },
  Group: {
    version: '1.2',
    persistent: true,
    uuid: 'group_snapshot_id id! source_group_id',
    text: 'availability_zone cluster_name description group_type_id! host name project_id! user_id!',
    enum: 'replication_status:ReplicationStatus status:GroupStatus',
    textList: 'volume_type_ids',
    object: 'group_snapshots:GroupSnapshotList volume_types:VolumeTypeList volumes:VolumeList',
  },
  GroupList: { version: '1.0', objectList: 'objects:Group!' },
  GroupSnapshot: {
    version: '1.0',
    persistent: true,
    uuid: 'group_id! group_type_id id!',
    text: 'description name project_id status user_id',
    object: 'group:Group snapshots:SnapshotList',
  },
  GroupSnapshotList: { version: '1.0', objectList: 'objects:GroupSnapshot!' },
  GroupType: {
    version: '1.0',
    persistent: true,
    uuid: 'id!',
    text: 'description name',
    flag: 'is_public=true',
    nullableTexts: 'group_specs',
    textList: 'projects',
  },
  GroupTypeList: { version: '1.0', objectList: 'objects:GroupType!' },
  LogLevel: { version: '1.0', text: 'level prefix' },
  LogLevelList: { version: '1.0', objectList: 'objects:LogLevel!' },
  ManageableSnapshot: {
    version: '1.0',
    uuid: 'cinder_id',
    text: 'reason_not_safe',
    integer: 'size',
    flag: 'safe_to_manage=false',
    nullableTexts: 'extra_info reference! source_reference!',
  },
  ManageableSnapshotList: { version: '1.0', objectList: 'objects:ManageableSnapshot!' },
  ManageableVolume: {
    version: '1.0',
    uuid: 'cinder_id',
    text: 'reason_not_safe',
    integer: 'size',
    flag: 'safe_to_manage=false',
    nullableTexts: 'extra_info reference!',
  },
  ManageableVolumeList: { version: '1.0', objectList: 'objects:ManageableVolume!' },
  QualityOfServiceSpecs: {
    version: '1.0',
    persistent: true,
    uuid: 'id!',
    text: 'name!',
    enum: 'consumer:QoSConsumer!=back-end',
    nullableTexts: 'specs',
    object: 'volume_types:VolumeTypeList',
  },
  QualityOfServiceSpecsList: { version: '1.0', objectList: 'objects:QualityOfServiceSpecs!' },
  RequestSpec: {
    version: '1.5',
    uuid: 'backup_id cgsnapshot_id consistencygroup_id group_id image_id snapshot_id source_replicaid source_volid volume_id',
    text: 'CG_backend group_backend operation resource_backend',
    textList: 'availability_zones',
    object: 'volume:Volume volume_properties:VolumeProperties volume_type:VolumeType',
  },
  Service: {
    version: '1.6',
    persistent: true,
    text: 'active_backend_id availability_zone=cinder binary cluster_name disabled_reason host object_current_version rpc_current_version topic uuid!',
    integer: 'id! report_count!=0',
    flag: 'disabled=false frozen!=false',
    time: 'modified_at',
    enum: 'replication_status:ReplicationStatus',
    object: 'cluster:Cluster',
  },
  ServiceList: { version: '1.1', objectList: 'objects:Service!' },
  Snapshot: {
    version: '1.6',
    persistent: true,
    uuid: 'cgsnapshot_id encryption_key_id group_snapshot_id id! volume_id volume_type_id',
    text: 'display_description display_name progress project_id provider_auth provider_id provider_location user_id',
    integer: 'volume_size',
    flag: 'use_quota=true',
    enum: 'status:SnapshotStatus',
    texts: 'metadata!',
    object: 'cgsnapshot:CGSnapshot group_snapshot:GroupSnapshot volume:Volume',
  },
  SnapshotList: { version: '1.0', objectList: 'objects:Snapshot!' },
  Volume: {
    version: '1.9',
    persistent: true,
    uuid: '_name_id consistencygroup_id ec2_id encryption_key_id group_id id! snapshot_id source_volid volume_type_id',
    text: 'availability_zone cluster_name display_description display_name host migration_status previous_status project_id provider_auth provider_geometry provider_id provider_location replication_driver_data replication_extended_status replication_status service_uuid status user_id',
    integer: 'size',
    flag: 'bootable=false multiattach=false shared_targets=true use_quota=true',
    time: 'launched_at scheduled_at terminated_at',
    enum: 'attach_status:VolumeAttachStatus',
    texts: 'admin_metadata glance_metadata metadata',
    object:
      'cluster:Cluster consistencygroup:ConsistencyGroup group:Group snapshots:SnapshotList volume_attachment:VolumeAttachmentList volume_type:VolumeType',
  },
  VolumeAttachment: {
    version: '1.3',
    persistent: true,
    uuid: 'id! instance_uuid volume_id!',
    text: 'attach_mode attached_host mountpoint',
    time: 'attach_time detach_time',
    enum: 'attach_status:VolumeAttachStatus',
    dict: 'connection_info connector',
    object: 'volume:Volume!',
  },
  VolumeAttachmentList: { version: '1.1', objectList: 'objects:VolumeAttachment!' },
  VolumeList: { version: '1.1', objectList: 'objects:Volume!' },
  VolumeProperties: {
    version: '1.1',
    uuid: 'cgsnapshot_id consistencygroup_id encryption_key_id group_id group_type_id snapshot_id source_replicaid source_volid volume_type_id',
    text: 'attach_status availability_zone display_description display_name project_id replication_status status user_id',
    integer: 'size',
    flag: 'multiattach',
    texts: 'metadata qos_specs',
    textList: 'reservations',
  },
  VolumeType: {
    version: '1.3',
    persistent: true,
    uuid: 'id! qos_specs_id',
    text: 'description name',
    flag: 'is_public=true',
    nullableTexts: 'extra_specs',
    textList: 'projects',
    object: 'qos_specs:QualityOfServiceSpecs',
  },
  VolumeTypeList: { version: '1.1', objectList: 'objects:VolumeType!' },
};
