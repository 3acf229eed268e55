import type { JsonObject } from '../../domain/json.ts';
import type { Snapshot, Volume, VolumeType } from '../../domain/rows.ts';
import { listObject, objectFromRow } from '../../rpc/wire/object-rows.ts';
import { encodeEntity, newObject } from '../../rpc/wire/objects.ts';
import type { WireObject } from '../../rpc/wire/wire-object.ts';

/* The arguments of the casts, as cinder-api and cinder-scheduler fill them in. */

export function volumeObject(volume: Volume, type: VolumeType): WireObject {
  return objectFromRow('Volume', volume, {
    metadata: {},
    admin_metadata: {},
    glance_metadata: {},
    volume_type: objectFromRow('VolumeType', type),
    volume_attachment: listObject('VolumeAttachment', []),
  });
}

/**
 * `allow_reschedule` is false: there may be no scheduler that would take the volume back, and it would stay `creating`
 * for ever instead of becoming `error`.
 */
export function createVolumeArguments(volume: Volume, type: VolumeType): JsonObject {
  const { snapshot_id, source_volid, volume_type_id } = volume;
  const object = volumeObject(volume, type);
  const properties = newObject('VolumeProperties', {
    attach_status: volume.attach_status,
    availability_zone: volume.availability_zone,
    display_description: volume.display_description,
    display_name: volume.display_name,
    encryption_key_id: null,
    metadata: {},
    multiattach: false,
    project_id: volume.project_id,
    reservations: [],
    size: volume.size,
    snapshot_id,
    source_volid,
    status: 'creating',
    user_id: volume.user_id,
    volume_type_id,
  });
  const spec = newObject('RequestSpec', {
    volume_id: volume.id,
    volume: object,
    volume_type: objectFromRow('VolumeType', type),
    volume_properties: properties,
    snapshot_id,
    source_volid,
    image_id: null,
    backup_id: null,
    group_id: null,
    consistencygroup_id: null,
    cgsnapshot_id: null,
    resource_backend: volume.cluster_name ?? volume.host,
    availability_zones: volume.availability_zone === null ? [] : [volume.availability_zone],
  });
  return {
    volume: encodeEntity(object),
    request_spec: encodeEntity(spec),
    filter_properties: { retry: { num_attempts: 1, backends: [volume.host], hosts: [volume.host] } },
    allow_reschedule: false,
  };
}

export function deleteVolumeArguments(volume: Volume, type: VolumeType, cascade: boolean): JsonObject {
  return { volume: encodeEntity(volumeObject(volume, type)), unmanage_only: false, cascade };
}

export function createSnapshotArguments(snapshot: Snapshot): JsonObject {
  return { snapshot: encodeEntity(objectFromRow('Snapshot', snapshot, { metadata: {} })) };
}

export function deleteSnapshotArguments(snapshot: Snapshot, volume: Volume, type: VolumeType): JsonObject {
  const nested = { metadata: {}, volume: volumeObject(volume, type) };
  return { snapshot: encodeEntity(objectFromRow('Snapshot', snapshot, nested)), unmanage_only: false };
}
