import type {
  Backup,
  Group,
  GroupSnapshot,
  Service,
  Snapshot,
  Volume,
  VolumeType,
} from '../../../../src/domain/rows.ts';

export const VOLUME = '11111111-1111-4111-8111-111111111111';
export const SOURCE = '22222222-2222-4222-8222-222222222222';
export const SNAPSHOT = '33333333-3333-4333-8333-333333333333';
export const SNAPSHOT_2 = '44444444-4444-4444-8444-444444444444';
export const TYPE = '55555555-5555-4555-8555-555555555555';
export const HOST = 'ctl@nfs1';
export const SHARE = 'server:/share';
export const PROJECT = 'project';

const persistent = { created_at: '2026-01-01 00:00:00.000000', updated_at: null, deleted_at: null, deleted: false };

export function volumeRow(changes: Partial<Volume> = {}): Volume {
  return {
    ...persistent,
    id: VOLUME,
    _name_id: null,
    ec2_id: null,
    user_id: 'user',
    project_id: PROJECT,
    host: `${HOST}#pool`,
    cluster_name: null,
    size: 3,
    availability_zone: 'nova',
    status: 'creating',
    attach_status: 'detached',
    migration_status: null,
    previous_status: null,
    scheduled_at: null,
    launched_at: null,
    terminated_at: null,
    display_name: 'name',
    display_description: null,
    provider_location: null,
    provider_auth: null,
    provider_geometry: null,
    provider_id: null,
    snapshot_id: null,
    source_volid: null,
    volume_type_id: TYPE,
    bootable: false,
    multiattach: false,
    encryption_key_id: null,
    consistencygroup_id: null,
    group_id: null,
    replication_status: null,
    replication_extended_status: null,
    replication_driver_data: null,
    service_uuid: null,
    shared_targets: true,
    use_quota: true,
    ...changes,
  };
}

/** A volume that is there: its file has to be given to the driver as well. */
export function madeVolume(changes: Partial<Volume> = {}): Volume {
  return volumeRow({
    status: 'available',
    provider_location: SHARE,
    launched_at: '2026-01-01 00:00:01.500000',
    ...changes,
  });
}

export function snapshotRow(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    ...persistent,
    id: SNAPSHOT,
    volume_id: SOURCE,
    user_id: 'user',
    project_id: PROJECT,
    status: 'available',
    progress: '100%',
    volume_size: 3,
    display_name: 'snap',
    display_description: null,
    provider_location: null,
    provider_id: null,
    provider_auth: null,
    encryption_key_id: null,
    volume_type_id: TYPE,
    cgsnapshot_id: null,
    group_snapshot_id: null,
    use_quota: true,
    ...changes,
  };
}

export const GROUP = '66666666-6666-4666-8666-666666666666';
export const GROUP_2 = '77777777-7777-4777-8777-777777777777';
export const GROUP_SNAPSHOT = '88888888-8888-4888-8888-888888888888';

export function groupRow(changes: Partial<Group> = {}): Group {
  return {
    ...persistent,
    id: GROUP,
    user_id: 'user',
    project_id: PROJECT,
    host: `${HOST}#pool`,
    cluster_name: null,
    availability_zone: 'nova',
    name: 'group',
    description: null,
    status: 'creating',
    group_type_id: 'generic',
    group_snapshot_id: null,
    source_group_id: null,
    replication_status: 'disabled',
    ...changes,
  };
}

export function groupSnapshotRow(changes: Partial<GroupSnapshot> = {}): GroupSnapshot {
  return {
    ...persistent,
    id: GROUP_SNAPSHOT,
    group_id: GROUP,
    user_id: 'user',
    project_id: PROJECT,
    name: 'group snapshot',
    description: null,
    status: 'creating',
    group_type_id: 'generic',
    ...changes,
  };
}

/** Of this replica: its id is the world's. */
export function serviceRow(changes: Partial<Service> = {}): Service {
  return {
    ...persistent,
    id: 7,
    uuid: 'service-uuid',
    host: HOST,
    binary: 'cinder-volume',
    topic: 'cinder-volume',
    report_count: 0,
    disabled: false,
    disabled_reason: null,
    availability_zone: 'nova',
    rpc_current_version: '3.18',
    object_current_version: '1.39',
    cluster_name: null,
    replication_status: 'disabled',
    active_backend_id: null,
    frozen: false,
    modified_at: null,
    ...changes,
  };
}

export const goldType: VolumeType = {
  ...persistent,
  id: TYPE,
  name: 'gold',
  description: null,
  is_public: true,
  qos_specs_id: null,
  extra_specs: {},
};

export const BACKUP = 'dddddddd-dddd-4ddd-8ddd-dddddddddddd';

export function backupRow(changes: Partial<Backup> = {}): Backup {
  return {
    ...persistent,
    id: BACKUP,
    volume_id: SOURCE,
    snapshot_id: null,
    host: 'backup-host',
    user_id: 'user',
    project_id: PROJECT,
    status: 'creating',
    fail_reason: null,
    temp_volume_id: null,
    ...changes,
  };
}
