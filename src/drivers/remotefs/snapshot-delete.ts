import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import { infoOf, type Image, type VolumeChain, wholeChain } from './volume-chain.ts';
import { freeLeaks } from './free-leaks.ts';
import { withoutSnapshot } from './info-file.ts';
import { deleteOnline, endedOnline, finishOnline } from './online-delete.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireKnownSnapshots, requireStatus } from './preconditions.ts';
import { repairChain } from './repair-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { backingName, snapshotFile } from './volume-names.ts';

const deletable = ['available', 'in-use', 'backing-up', 'deleting', 'downloading'] as const;

/**
 * Removes a snapshot; of an attached volume by Nova's hand (online-delete.ts), else by ours. Its file S holds what was written *after* it, so S is merged into its
 * backing file B; then nothing needs S:
 *
 * 1. commit: S's data is written into B. S keeps it, so an interrupted commit is simply done again, once B's clusters
 *    that it reserved in vain are given back.
 * 2. rebase: the image above S gets B as its backing file (where S is not the active image).
 * 3. `.info`: the snapshot's entry goes; where S was active, B becomes it.
 * 4. S is removed. Its name is never used again.
 *
 * From each point the next try goes on: until 3, S is named and there; after 3 it is a file that nothing uses. Where S is
 * not called after the snapshot, its name is noted before 3.
 */
export async function deleteSnapshot(
  parts: RemoteFsParts,
  snapshot: Snapshot,
  volume: Volume,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  requireStatus(volume, deletable);
  const folder = await openFolder(parts, volume, work);
  const own = snapshotFile(folder.base, snapshot.id);
  const attached = volume.attach_status === 'attached';
  const left = [own, ...leftBy(work, snapshot, folder)];
  const first = await folder.look(left, attached);
  if (!infoOf(first).snapshots.has(snapshot.id)) {
    await requireKnownSnapshots(first, volume, work, snapshot.id);
    await finishOnline(folder, snapshot, first);
    return removeLeftOver(folder, first, left);
  }
  if (attached) return deleteOnline(parts, snapshot, folder, first);
  const ended = await endedOnline(folder, snapshot);
  if (ended !== undefined) return ended;
  const chain = await repairChain(parts, folder, await lookWhole(folder, first), snapshot.id);
  const file = infoOf(chain).snapshots.get(snapshot.id) ?? own;
  if (file !== own) await work.delegation?.leaveWord(snapshot.id, file);
  await merge(parts, folder, chain, { id: snapshot.id, file });
  return formatAfter(chain, file);
}

/**
 * Of a snapshot that was let go of and taken in again the file is called after the id that it had. Once `.info` has
 * dropped it, only who dropped it knows.
 */
function leftBy(work: DriverWork, { id }: Snapshot, { base }: VolumeFolder): readonly string[] {
  const word = work.delegation?.wordOf(id);
  return word !== undefined && word !== base && backingName(word, base) === word ? [word] : [];
}

/** Besides the chain: every file that `.info` names, for a chain that an interrupted predecessor left in two parts. */
function lookWhole(folder: VolumeFolder, first: VolumeChain): Promise<VolumeChain> {
  return folder.lookIdle(
    [...infoOf(first).snapshots.values()].filter((name) => backingName(name, folder.base) === name),
  );
}

async function merge(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  chain: VolumeChain,
  snapshot: { readonly id: string; readonly file: string },
): Promise<void> {
  const images = chain.missing === null ? wholeChain(chain) : chain.images;
  const at = images.findIndex(({ name }) => name === snapshot.file);
  const image = images[at];
  const below = images[at + 1];
  const others = [...infoOf(chain).snapshots].filter(([id]) => id !== snapshot.id);
  const isShared = others.some(([, file]) => file === snapshot.file);
  if (image === undefined || isShared)
    return forget(folder, chain, snapshot, undefined, image === undefined && !isShared);
  // Stale: there is nothing to merge into. The active image stays, it is the volume.
  if (below === undefined) return forget(folder, chain, snapshot, undefined, false);
  await freeLeaks(parts, folder, [below, ...images.slice(at + 2)]);
  const overlay = await folder.open(images.slice(at));
  await folder.work.commitPoint('snapshot-merge');
  await folder.whileBusy(() => parts.qemu.commit(overlay, folder.work));
  const above = images[at - 1];
  if (above !== undefined) await rebase(parts, folder, above, below);
  return forget(folder, chain, snapshot, above === undefined ? below : undefined, true);
}

async function rebase(parts: RemoteFsParts, folder: VolumeFolder, above: Image, below: Image): Promise<void> {
  const overlay = await folder.open([above]);
  await folder.work.commitPoint('snapshot-rebase');
  await folder.whileBusy(() => parts.qemu.renameBacking(overlay, below, folder.work));
  const now = await folder.inspect(above.name);
  if (now?.header?.backingFile === below.name && now.header.backingFormat === below.format) return;
  const message = `${above.name} does not have ${below.name} as its backing file after the rebase.`;
  throw new CinderError('RemoteFSException', {}, { message, outcome: 'unknown' });
}

/** The end: `.info` without the snapshot, then its file, if nothing uses that any more. */
async function forget(
  folder: VolumeFolder,
  chain: VolumeChain,
  snapshot: { readonly id: string; readonly file: string },
  active: Image | undefined,
  removeFile: boolean,
): Promise<void> {
  const owner = active?.facts ?? chain.images[0]?.facts ?? null;
  await folder.writeInfo(withoutSnapshot(infoOf(chain), snapshot.id, active?.name), owner);
  if (removeFile) await folder.unlink('snapshot-file', [snapshot.file]);
}

/** `.info` knows nothing of it: files of its names are left over, unless the volume uses them all the same. */
async function removeLeftOver(
  folder: VolumeFolder,
  chain: VolumeChain,
  files: readonly string[],
): Promise<VolumeModelUpdate> {
  const named = new Set(infoOf(chain).snapshots.values());
  const isUsed = (file: string): boolean =>
    named.has(file) || chain.missing === file || chain.images.some(({ name }) => name === file);
  const left = files.filter((file) => chain.seen[file] !== null && !isUsed(file));
  await folder.unlink('snapshot-left-over', left);
  return formatAfter(chain, undefined);
}

/** With the last overlay gone the volume has its base file's format again. */
function formatAfter(chain: VolumeChain, removed: string | undefined): VolumeModelUpdate {
  const left = chain.images.filter(({ name }) => name !== removed);
  const [only] = left;
  return left.length === 1 && only?.name === chain.base ? { adminMetadata: { format: only.format } } : {};
}
