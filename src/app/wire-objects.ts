import { objectFromRow } from '../rpc/wire/object-rows.ts';
import { encodeEntity, newObject } from '../rpc/wire/objects.ts';
import type { WireObjects } from '../volume/wire-objects.ts';

export const wireObjects: WireObjects = {
  volume: (volume) => encodeEntity(objectFromRow('Volume', volume)),
  attachment: (attachment, volume) =>
    encodeEntity(objectFromRow('VolumeAttachment', attachment, { volume: objectFromRow('Volume', volume) })),
  manageable: (kind, entry) => encodeEntity(newObject(`Manageable${kind}`, entry)),
  backupDevice: (volume, secure_enabled) =>
    encodeEntity(newObject('BackupDeviceInfo', { volume: objectFromRow('Volume', volume), secure_enabled })),
};
