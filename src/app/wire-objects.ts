import { objectFromRow } from '../rpc/wire/object-rows.ts';
import { encodeEntity } from '../rpc/wire/objects.ts';
import type { WireObjects } from '../volume/wire-objects.ts';

export const wireObjects: WireObjects = {
  attachment: (attachment, volume) =>
    encodeEntity(objectFromRow('VolumeAttachment', attachment, { volume: objectFromRow('Volume', volume) })),
};
