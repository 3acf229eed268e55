/**
 * A table of Cinder's, written shortly.
 *
 * - `columns`: `name type`, in order; types: `sN` (string of N characters), `time`, `bool`, `int`, `text`, `serial` (int
 *   from a sequence of its own); `!`: not null; `=x`: the column's default.
 * - `unique`, `primaryKey`: the columns. `foreign`: `column > table.column`. `indexes`: `[unique] name (columns)`.
 */
export interface TableSketch {
  readonly name: string;
  readonly columns: string;
  readonly primaryKey: string;
  readonly unique?: readonly string[];
  readonly foreign?: readonly string[];
  readonly indexes?: readonly string[];
}

/** Cinder's tables as its release Zed (21) has them; what alembic keeps for itself is left out. */
export const cinderTables: readonly TableSketch[] = [
  {
    name: 'attachment_specs',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, attachment_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['attachment_id > volume_attachment.id'],
    indexes: ['ix_attachment_specs_attachment_id (attachment_id)'],
  },
  {
    name: 'backup_metadata',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, backup_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['backup_id > backups.id'],
    indexes: ['ix_backup_metadata_backup_id (backup_id)'],
  },
  {
    name: 'backups',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, volume_id s36!, user_id s255, project_id s255, host s255, availability_zone s255, display_name s255, display_description s255, container s255, status s255, fail_reason s255, service_metadata s255, service s255, size int, object_count int, parent_id s36, temp_volume_id s36, temp_snapshot_id s36, num_dependent_backups int, snapshot_id s36, data_timestamp time, restore_volume_id s36, encryption_key_id s36',
    primaryKey: 'id',
  },
  {
    name: 'cgsnapshots',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, consistencygroup_id s36!, user_id s255, project_id s255, name s255, description s255, status s255',
    primaryKey: 'id',
    foreign: ['consistencygroup_id > consistencygroups.id'],
    indexes: ['ix_cgsnapshots_consistencygroup_id (consistencygroup_id)'],
  },
  {
    name: 'clusters',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, name s255!, binary s255!, disabled bool, disabled_reason s255, race_preventer int!, replication_status s36, active_backend_id s255, frozen bool!=false',
    primaryKey: 'id',
    unique: ['name, binary, race_preventer'],
  },
  {
    name: 'consistencygroups',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, user_id s255, project_id s255, host s255, availability_zone s255, name s255, description s255, volume_type_id s255, status s255, cgsnapshot_id s36, source_cgid s36, cluster_name s255',
    primaryKey: 'id',
  },
  {
    name: 'default_volume_types',
    columns: 'created_at time, updated_at time, deleted_at time, volume_type_id s36, project_id s255!, deleted bool',
    primaryKey: 'project_id',
    foreign: ['volume_type_id > volume_types.id'],
    indexes: ['ix_default_volume_types_volume_type_id (volume_type_id)'],
  },
  {
    name: 'driver_initiator_data',
    columns: 'created_at time, updated_at time, id serial, initiator s255!, namespace s255!, key s255!, value s255',
    primaryKey: 'id',
    unique: ['initiator, namespace, key'],
    indexes: ['ix_driver_initiator_data_initiator (initiator)'],
  },
  {
    name: 'encryption',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, cipher s255, control_location s255!, key_size int, provider s255!, volume_type_id s36!, encryption_id s36!',
    primaryKey: 'encryption_id',
  },
  {
    name: 'group_snapshots',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, group_id s36!, user_id s255, project_id s255, name s255, description s255, status s255, group_type_id s36',
    primaryKey: 'id',
    foreign: ['group_id > groups.id'],
    indexes: ['ix_group_snapshots_group_id (group_id)'],
  },
  {
    name: 'group_type_projects',
    columns:
      'id serial, created_at time, updated_at time, deleted_at time, group_type_id s36, project_id s255, deleted bool',
    primaryKey: 'id',
    unique: ['group_type_id, project_id, deleted'],
    foreign: ['group_type_id > group_types.id'],
  },
  {
    name: 'group_type_specs',
    columns:
      'id serial, key s255, value s255, group_type_id s36!, created_at time, updated_at time, deleted_at time, deleted bool',
    primaryKey: 'id',
    foreign: ['group_type_id > group_types.id'],
    indexes: ['ix_group_type_specs_group_type_id (group_type_id)'],
  },
  {
    name: 'group_types',
    columns:
      'id s36!, name s255!, description s255, created_at time, updated_at time, deleted_at time, deleted bool, is_public bool',
    primaryKey: 'id',
  },
  {
    name: 'group_volume_type_mapping',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, volume_type_id s36!, group_id s36!',
    primaryKey: 'id',
    foreign: ['group_id > groups.id', 'volume_type_id > volume_types.id'],
    indexes: [
      'ix_group_volume_type_mapping_group_id (group_id)',
      'ix_group_volume_type_mapping_volume_type_id (volume_type_id)',
    ],
  },
  {
    name: 'groups',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, user_id s255, project_id s255, cluster_name s255, host s255, availability_zone s255, name s255, description s255, group_type_id s36, status s255, group_snapshot_id s36, source_group_id s36, replication_status s255',
    primaryKey: 'id',
  },
  {
    name: 'image_volume_cache_entries',
    columns:
      'image_updated_at time, id serial, host s255!, image_id s36!, volume_id s36!, size int!, last_used time!, cluster_name s255',
    primaryKey: 'id',
    indexes: ['ix_image_volume_cache_entries_host (host)', 'ix_image_volume_cache_entries_image_id (image_id)'],
  },
  {
    name: 'messages',
    columns:
      'id s36!, project_id s255!, request_id s255, resource_type s36, resource_uuid s255, event_id s255!, message_level s255!, created_at time, updated_at time, deleted_at time, deleted bool, expires_at time, detail_id s10, action_id s10',
    primaryKey: 'id',
    indexes: ['ix_messages_expires_at (expires_at)'],
  },
  {
    name: 'quality_of_service_specs',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, specs_id s36, key s255, value s255',
    primaryKey: 'id',
    foreign: ['specs_id > quality_of_service_specs.id'],
    indexes: ['ix_quality_of_service_specs_specs_id (specs_id)'],
  },
  {
    name: 'quota_classes',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, class_name s255, resource s255, hard_limit int',
    primaryKey: 'id',
    indexes: ['ix_quota_classes_class_name (class_name)'],
  },
  {
    name: 'quota_usages',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, project_id s255, resource s300, in_use int!, reserved int!, until_refresh int, race_preventer bool',
    primaryKey: 'id',
    unique: ['project_id, resource, race_preventer'],
    indexes: ['ix_quota_usages_project_id (project_id)', 'quota_usage_project_resource_idx (project_id, resource)'],
  },
  {
    name: 'quotas',
    columns:
      'id serial, created_at time, updated_at time, deleted_at time, deleted bool, project_id s255, resource s255!, hard_limit int, allocated int',
    primaryKey: 'id',
  },
  {
    name: 'reservations',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, uuid s36!, usage_id int, project_id s255, resource s255, delta int!, expire time, allocated_id int',
    primaryKey: 'id',
    foreign: ['allocated_id > quotas.id', 'usage_id > quota_usages.id'],
    indexes: [
      'ix_reservations_allocated_id (allocated_id)',
      'ix_reservations_project_id (project_id)',
      'ix_reservations_usage_id (usage_id)',
      'reservations_deleted_expire_idx (deleted, expire)',
      'reservations_deleted_uuid_idx (deleted, uuid)',
    ],
  },
  {
    name: 'services',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, host s255, binary s255, topic s255, report_count int!, disabled bool, availability_zone s255, disabled_reason s255, modified_at time, rpc_current_version s36, object_current_version s36, replication_status s36, frozen bool, active_backend_id s255, cluster_name s255, uuid s36',
    primaryKey: 'id',
    indexes: ['unique services_uuid_idx (uuid)'],
  },
  {
    name: 'snapshot_metadata',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, snapshot_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['snapshot_id > snapshots.id'],
    indexes: ['ix_snapshot_metadata_snapshot_id (snapshot_id)'],
  },
  {
    name: 'snapshots',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, volume_id s36!, user_id s255, project_id s255, status s255, progress s255, volume_size int, scheduled_at time, display_name s255, display_description s255, provider_location s255, encryption_key_id s36, volume_type_id s36!, cgsnapshot_id s36, provider_id s255, provider_auth s255, group_snapshot_id s36, use_quota bool',
    primaryKey: 'id',
    foreign: ['cgsnapshot_id > cgsnapshots.id', 'group_snapshot_id > group_snapshots.id', 'volume_id > volumes.id'],
    indexes: [
      'ix_snapshots_cgsnapshot_id (cgsnapshot_id)',
      'ix_snapshots_group_snapshot_id (group_snapshot_id)',
      'ix_snapshots_volume_id (volume_id)',
    ],
  },
  {
    name: 'transfers',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, volume_id s36!, display_name s255, salt s255, crypt_hash s255, expires_at time, no_snapshots bool, source_project_id s255, destination_project_id s255, accepted bool',
    primaryKey: 'id',
    foreign: ['volume_id > volumes.id'],
    indexes: ['ix_transfers_volume_id (volume_id)'],
  },
  {
    name: 'volume_admin_metadata',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, volume_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['volume_id > volumes.id'],
    indexes: ['ix_volume_admin_metadata_volume_id (volume_id)'],
  },
  {
    name: 'volume_attachment',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, volume_id s36!, attached_host s255, instance_uuid s36, mountpoint s255, attach_time time, detach_time time, attach_mode s36, attach_status s255, connection_info text, connector text',
    primaryKey: 'id',
    foreign: ['volume_id > volumes.id'],
    indexes: ['ix_volume_attachment_volume_id (volume_id)'],
  },
  {
    name: 'volume_glance_metadata',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, volume_id s36, snapshot_id s36, key s255, value text',
    primaryKey: 'id',
    foreign: ['snapshot_id > snapshots.id', 'volume_id > volumes.id'],
    indexes: ['ix_volume_glance_metadata_snapshot_id (snapshot_id)', 'ix_volume_glance_metadata_volume_id (volume_id)'],
  },
  {
    name: 'volume_metadata',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, volume_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['volume_id > volumes.id'],
    indexes: ['ix_volume_metadata_volume_id (volume_id)'],
  },
  {
    name: 'volume_type_extra_specs',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, volume_type_id s36!, key s255, value s255',
    primaryKey: 'id',
    foreign: ['volume_type_id > volume_types.id'],
    indexes: ['ix_volume_type_extra_specs_volume_type_id (volume_type_id)'],
  },
  {
    name: 'volume_type_projects',
    columns:
      'id serial, created_at time, updated_at time, deleted_at time, volume_type_id s36, project_id s255, deleted int',
    primaryKey: 'id',
    unique: ['volume_type_id, project_id, deleted'],
    foreign: ['volume_type_id > volume_types.id'],
  },
  {
    name: 'volume_types',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, name s255, qos_specs_id s36, is_public bool, description s255',
    primaryKey: 'id',
    foreign: ['qos_specs_id > quality_of_service_specs.id'],
    indexes: ['ix_volume_types_qos_specs_id (qos_specs_id)'],
  },
  {
    name: 'volumes',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id s36!, ec2_id s255, user_id s255, project_id s255, host s255, size int, availability_zone s255, status s255, attach_status s255, scheduled_at time, launched_at time, terminated_at time, display_name s255, display_description s255, provider_location s256, provider_auth s256, snapshot_id s36, volume_type_id s36!, source_volid s36, bootable bool, provider_geometry s255, _name_id s36, encryption_key_id s36, migration_status s255, replication_status s255, replication_extended_status s255, replication_driver_data s255, consistencygroup_id s36, provider_id s255, multiattach bool, previous_status s255, cluster_name s255, group_id s36, service_uuid s36, shared_targets bool, use_quota bool',
    primaryKey: 'id',
    foreign: ['consistencygroup_id > consistencygroups.id', 'group_id > groups.id', 'service_uuid > services.uuid'],
    indexes: [
      'ix_volumes_consistencygroup_id (consistencygroup_id)',
      'ix_volumes_group_id (group_id)',
      'volumes_service_uuid_idx (service_uuid, deleted)',
    ],
  },
  {
    name: 'workers',
    columns:
      'created_at time, updated_at time, deleted_at time, deleted bool, id serial, resource_type s40!, resource_id s36!, status s255!, service_id int, race_preventer int!=0',
    primaryKey: 'id',
    unique: ['resource_type, resource_id'],
    foreign: ['service_id > services.id'],
    indexes: ['ix_workers_service_id (service_id)'],
  },
];
