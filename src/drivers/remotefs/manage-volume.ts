import { lockNames, type LockName } from '../../coordination/lock-names.ts';
import { derivedUuid } from '../../domain/derived-uuid.ts';
import type { Json } from '../../domain/json.ts';
import type { Volume } from '../../domain/rows.ts';
import type { DriverWork, ManageAbility, VolumeModelUpdate } from '../volume-driver.ts';
import { grow } from './extend-volume.ts';
import { findVolume, nameIdFor } from './found-volume.ts';
import { listVolumes } from './list-volumes.ts';
import { nameIdOf, readReference } from './manage-reference.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { openFolder } from './volume-folder.ts';

/** Files that are on a share already become volumes. */
export function manageAbility(parts: RemoteFsParts, prefix: string): ManageAbility {
  return {
    locksFor: (reference) => locksFor(prefix, reference),
    find: async (volume, reference, work) => {
      const { location, top } = await findVolume(parts, volume, reference, work);
      return { provider_location: location, sizeGb: Math.ceil(top.bytes / gib) };
    },
    list: (survey) => listVolumes(parts, survey),
    take: (volume, reference, work) => takeVolume(parts, volume, reference, work),
  };
}

/** By the file's name alone: two references to one file, with and without the share, exclude each other. */
function locksFor(prefix: string, reference: Json): readonly LockName[] {
  const read = readReference(reference);
  if ('problem' in read) return [];
  const nameId = nameIdOf(read.name);
  return [nameId === null ? lockNames.foundFile(derivedUuid(read.name)) : lockNames.driverVolume(prefix, nameId)];
}

/**
 * 1. The file gets a whole number of GiB, as all volumes have: zeros at its end, as in an extension.
 * 2. It gets the volume's name, by one rename. Until then it is the operator's, under the operator's name; whoever was
 *    interrupted finds it under the one or the other.
 *
 * A file with an `.info` was a volume before. Its overlays name it, and `.info` names them, so all keep their names, and
 * the row says whose they are (`_name_id`), as after a migration.
 */
async function takeVolume(
  parts: RemoteFsParts,
  volume: Volume,
  reference: Json,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  const found = await findVolume(parts, volume, reference, work);
  const folder = await openFolder(parts, volume, work);
  const bytes = Math.ceil(found.top.bytes / gib) * gib;
  if (found.top.bytes < bytes) {
    const open = { path: folder.path(found.top.name), format: found.top.format };
    await grow(parts, folder, open, found.top, bytes);
  }
  if (found.chainOf === null && found.name !== folder.base) await folder.adopt(found.name);
  return { _name_id: nameIdFor(volume, found), adminMetadata: found.formats };
}
