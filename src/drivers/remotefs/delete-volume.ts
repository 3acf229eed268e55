import { CinderError, isCinder } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork } from '../volume-driver.ts';
import { parseInfoFile, type SnapshotInfo } from './info-file.ts';
import type { RemoteFsParts } from './parts.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { backingName, infoFile, snapshotFile, volumeFile } from './volume-names.ts';

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
  const rows = await work.snapshotsOf(volume.id);
  const also = rows.map(({ id }) => snapshotFile(base, id));
  const args = { dir, base, tag: work.ownerTag, also, fresh: parts.mounts.remote, probe: false };
  const { info: text, images } = await parts.share.call('look', args, work);
  const info = text === null ? null : readable(text, base);
  if (info !== null) requireAllKnown(info, rows, volume);
  const named = info === null ? [] : namedIn(info, base).filter((name) => !(name in images));
  const bottomUp = Object.keys(images)
    .filter((name) => name !== base)
    .reverse();
  return [base, ...named, ...bottomUp];
}

/** Who let go of a snapshot wanted its data to stay. In a deletion under way no snapshot is left. */
function requireAllKnown({ snapshots }: SnapshotInfo, rows: readonly Snapshot[], volume: Volume): void {
  const unknown = [...snapshots.keys()].filter((id) => !rows.some((row) => row.id === id));
  if (unknown.length === 0) return;
  const volume_name = volumeFile(volume);
  const message = `${volume_name} has snapshots that were let go of (${unknown.join(', ')}); take them in and delete them.`;
  throw new CinderError('VolumeIsBusy', { volume_name }, { message, outcome: 'not-started' });
}

/** A torn `.info` names nothing, and hinders nobody from deleting the volume. */
function readable(text: string, base: string): SnapshotInfo | null {
  try {
    return parseInfoFile(text, infoFile(base));
  } catch (error) {
    if (isCinder(error, 'RemoteFSException')) return null;
    throw error;
  }
}

function namedIn({ active, snapshots }: SnapshotInfo, base: string): readonly string[] {
  return [active, ...snapshots.values()].filter((name) => name !== base && backingName(name, base) === name);
}
