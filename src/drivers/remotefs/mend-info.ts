import { isCinder } from '../../domain/exceptions.ts';
import type { Snapshot } from '../../domain/rows.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import type { Mending } from '../volume-driver.ts';
import { deriveInfo } from './derived-info.ts';
import { parseInfoFile, type SnapshotInfo } from './info-file.ts';
import { isMade } from './preconditions.ts';
import type { VolumeFolder } from './volume-folder.ts';
import { infoFile } from './volume-names.ts';

/** An `.info` that is torn, missing although there are snapshots, or without one of them. Null: it is none of these. */
export async function mendInfo(folder: VolumeFolder): Promise<Mending | null> {
  const { base, volume, work } = folder;
  const overlays = await folder.overlays();
  const { info: text, images } = await folder.lookAsIs(overlays);
  const snapshots = await work.snapshotsOf(volume.id);
  const known = text === null ? null : readable(text, base);
  if (isEnough(known, snapshots)) return null;
  const file = folder.path(infoFile(base));
  const left = (what: string): Mending => ({ file, done: false, what: `is left as it is: ${what}` });
  const active = folder.notAtRest(Object.values(images));
  if (active !== null) return left(active);
  const present = overlays.flatMap((name) => images[name] ?? []);
  const derived = deriveInfo({ base, baseFile: images[base] ?? null, overlays: present, volume, snapshots });
  if ('unclear' in derived) return left(`what it must say is not clear, because ${derived.unclear}`);
  const { info } = derived;
  if (known !== null && known !== 'torn' && contradicts(known, info)) {
    return left(`it says otherwise than the files (active: ${known.active}, by the files: ${info.active})`);
  }
  const owner: ImageFacts | null = images[info.active] ?? null;
  await folder.writeInfo(info, owner);
  return { file, done: true, what: `is written as the chain has it, active: ${info.active}` };
}

function readable(text: string, base: string): SnapshotInfo | 'torn' {
  try {
    return parseInfoFile(text, infoFile(base));
  } catch (error) {
    if (isCinder(error, 'RemoteFSException')) return 'torn';
    throw error;
  }
}

/** Absent it says that there are no snapshots. */
function isEnough(known: SnapshotInfo | 'torn' | null, snapshots: readonly Snapshot[]): boolean {
  if (known === 'torn') return false;
  return snapshots.filter(isMade).every(({ id }) => known?.snapshots.has(id) === true);
}

/** Something is missing in the one; nothing may be different. */
function contradicts(known: SnapshotInfo, derived: SnapshotInfo): boolean {
  if (known.active !== derived.active) return true;
  return [...known.snapshots].some(([id, file]) => derived.snapshots.get(id) !== file);
}
