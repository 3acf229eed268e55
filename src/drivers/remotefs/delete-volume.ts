import type { Volume } from '../../domain/rows.ts';
import { isCinder } from '../../domain/exceptions.ts';
import type { DriverWork } from '../volume-driver.ts';
import { parseInfoFile } from './info-file.ts';
import type { RemoteFsParts } from './parts.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { backingName, infoFile, snapshotFile } from './volume-names.ts';

/**
 * Removes everything of a volume, from any state. The order lets a successor find the rest: from the bottom up, so
 * that the chain can be followed from the active image until that goes, and `.info`, which names it, last.
 */
export async function deleteVolume(parts: RemoteFsParts, volume: Volume, work: DriverWork): Promise<void> {
  if (volume.provider_location === null) {
    work.log.warn({ volume_id: volume.id }, 'the volume has no provider_location: it never had a file');
    return;
  }
  const folder = await openFolder(parts, volume, work);
  const names = await filesOf(parts, folder);
  await folder.unlink('delete-volume', [...names, infoFile(folder.base)]);
  await folder.removeOwnTemps();
}

/** The chain's files and those that `.info` or a snapshot's row names, lowest first; not all need be there. */
async function filesOf(parts: RemoteFsParts, { dir, base, volume, work }: VolumeFolder): Promise<readonly string[]> {
  const also = (await work.snapshotsOf(volume.id)).map(({ id }) => snapshotFile(base, id));
  const args = { dir, base, tag: work.ownerTag, also, fresh: parts.mounts.remote, probe: false };
  const { info, images } = await parts.share.call('look', args, work);
  const named = info === null ? [] : namedIn(info, base).filter((name) => !(name in images));
  const bottomUp = Object.keys(images)
    .filter((name) => name !== base)
    .reverse();
  return [base, ...named, ...bottomUp];
}

/** A torn `.info` names nothing, and hinders nobody from deleting the volume. */
function namedIn(text: string, base: string): readonly string[] {
  try {
    const { active, snapshots } = parseInfoFile(text, infoFile(base));
    return [active, ...snapshots.values()].filter((name) => name !== base && backingName(name, base) === name);
  } catch (error) {
    if (isCinder(error, 'RemoteFSException')) return [];
    throw error;
  }
}
