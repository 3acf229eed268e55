import type { JsonObject } from '../../domain/json.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot } from '../../domain/rows.ts';
import type { VolumeModelUpdate } from '../volume-driver.ts';
import { type SnapshotInfo, withoutSnapshot } from './info-file.ts';
import { askNova, noSign, delegationOf, novaFailed, novaRefused, signOf } from './nova-sign.ts';
import type { RemoteFsParts } from './parts.ts';
import { infoOf, type Image, type VolumeChain, wholeChain } from './volume-chain.ts';
import type { VolumeFolder } from './volume-folder.ts';
import { volumeFile } from './volume-names.ts';

/** Upstream's patience with Nova: a merge copies data. */
const limitMs = 7_200_000;

/** What Nova is asked for; a successor reads it in the journal. */
interface Merge {
  /** The file that nothing needs afterwards. */
  readonly removed: string;
  /** The image whose backing file the merge changes. */
  readonly above: string;
  /** What that stands on afterwards; null: on nothing. */
  readonly below: string | null;
  readonly isActive: boolean;
}

/**
 * Removes a snapshot of an attached volume. Its file S holds what was written after it, B is what S stands on.
 *
 * S is the active image: what B has is pulled into S, which B's own backing file then carries; B goes. Where another
 * snapshot's entry names B, it names S from then on. Else S is committed into B, and the image above S stands on B.
 *
 * 1. intent with the files' names, and the request to Nova, never sent again: a successor waits for its sign. A
 *    refusal is noted, for a successor to report; nothing has changed on our side.
 * 2. sign: `deleting`, 90%. Another status: Nova has failed; nothing has changed on our side.
 * 3. `.info` without the snapshot, once the image's own header shows the merge. 4. the file that nothing needs is removed.
 */
export async function deleteOnline(
  parts: RemoteFsParts,
  snapshot: Snapshot,
  folder: VolumeFolder,
  chain: VolumeChain,
): Promise<VolumeModelUpdate> {
  const { work, volume } = folder;
  const delegation = delegationOf(work);
  let merge = parseMerge(delegation.asked(snapshot.id));
  if (merge === undefined) {
    const planned = plan(snapshot, chain);
    if (planned === undefined || planned.isOrphan) return dropOrphan(folder, snapshot, chain, planned?.merge.above);
    merge = planned.merge;
    await delegation.ask(snapshot.id, { ...merge });
    const asked = { volumeId: volume.id, snapshotId: snapshot.id, ...requestOf(merge, chain) };
    await askNova(() => parts.assisted.removeSnapshot(asked, work.signal), snapshot, delegation, work);
  }
  const refusal = delegation.refusalOf(snapshot.id);
  if (refusal !== undefined) throw novaRefused(refusal);
  const sign = await signOf(snapshot, 'deleting', limitMs, parts, work, delegation);
  if (sign === 'failed') throw novaFailed(snapshot, 'deleting');
  if (sign === 'none') throw noSign(snapshot, 'deleting');
  return finish(folder, snapshot, merge);
}

/** What a predecessor had asked for and that is in `.info` already: the last step, step 4. */
export async function finishOnline(folder: VolumeFolder, snapshot: Snapshot, chain: VolumeChain): Promise<void> {
  const merge = parseMerge(folder.work.delegation?.asked(snapshot.id));
  if (merge !== undefined) await removeUnused(folder, chain, merge.removed);
}

/**
 * The volume was detached while Nova was at it. Where the merge shows in the image's header it is ended as above;
 * undefined: Nova did not come to its end, and the chain is as it was.
 */
export async function endedOnline(folder: VolumeFolder, snapshot: Snapshot): Promise<VolumeModelUpdate | undefined> {
  const merge = parseMerge(folder.work.delegation?.asked(snapshot.id));
  if (merge === undefined) return undefined;
  const chain = await folder.lookIdle([merge.above, merge.removed]);
  const isMerged = chain.images.some(({ name, backing }) => name === merge.above && backing === merge.below);
  return isMerged ? finish(folder, snapshot, merge) : undefined;
}

/** Undefined: the snapshot's file stands on nothing, so there is nothing to merge. */
function plan(
  snapshot: Snapshot,
  chain: VolumeChain,
): { readonly merge: Merge; readonly isOrphan: boolean } | undefined {
  const images = wholeChain(chain);
  const info = infoOf(chain);
  const file = info.snapshots.get(snapshot.id);
  const at = images.findIndex(({ name }) => name === file);
  const [image, below] = [images[at], images[at + 1]];
  if (image === undefined || below === undefined) return undefined;
  const above = images[at - 1];
  if (above !== undefined) {
    const merge = { removed: image.name, above: above.name, below: below.name, isActive: false };
    return { merge, isOrphan: false };
  }
  const merge = { removed: below.name, above: image.name, below: images[at + 2]?.name ?? null, isActive: true };
  // The guest has the image below open and not this one: its snapshot failed in Nova, which never switched to it.
  const isOrphan = !image.facts.busy && below.facts.busy;
  return { merge, isOrphan };
}

/** Upstream's words: an oldest snapshot's `file_to_merge` is null, and all that there is below is pulled. */
function requestOf(
  merge: Merge,
  chain: VolumeChain,
): { readonly fileToMerge: string | null; readonly mergeTarget: string | null } {
  if (!merge.isActive) return { fileToMerge: merge.removed, mergeTarget: merge.below };
  const isOldest = ![...infoOf(chain).snapshots.values()].includes(merge.removed);
  return { fileToMerge: isOldest ? null : merge.below, mergeTarget: null };
}

async function finish(folder: VolumeFolder, snapshot: Snapshot, merge: Merge): Promise<VolumeModelUpdate> {
  const chain = await folder.look([merge.above, merge.removed], true);
  const above = chain.images.find(({ name }) => name === merge.above);
  if (above === undefined || above.backing !== merge.below) throw notMerged(merge, above);
  const info = infoOf(chain);
  if (info.snapshots.has(snapshot.id)) {
    await folder.writeInfo(infoAfter(info, snapshot.id, merge), above.facts);
  }
  await removeUnused(folder, chain, merge.removed);
  const baseIsGone = merge.removed === volumeFile(folder.volume);
  return baseIsGone ? { adminMetadata: { format: 'qcow2', base_format: 'qcow2' } } : {};
}

function infoAfter(info: SnapshotInfo, snapshotId: string, { isActive, removed, above }: Merge): SnapshotInfo {
  const { active, snapshots } = withoutSnapshot(info, snapshotId);
  if (!isActive) return { active, snapshots };
  return { active, snapshots: new Map([...snapshots].map(([id, file]) => [id, file === removed ? above : file])) };
}

async function removeUnused(folder: VolumeFolder, chain: VolumeChain, file: string): Promise<void> {
  if (chain.images.some(({ name }) => name === file) || chain.missing === file) return;
  await folder.unlink('snapshot-file', [file]);
}

/** Its entry goes, and its file where the guest does not write to it. */
async function dropOrphan(
  folder: VolumeFolder,
  snapshot: Snapshot,
  chain: VolumeChain,
  orphan: string | undefined,
): Promise<VolumeModelUpdate> {
  const below = chain.images.at(1);
  const isTop = orphan !== undefined && below !== undefined;
  const owner = below?.facts ?? chain.images.at(0)?.facts ?? null;
  await folder.writeInfo(withoutSnapshot(infoOf(chain), snapshot.id, isTop ? below.name : undefined), owner);
  if (isTop) await folder.unlink('snapshot-file', [orphan]);
  return {};
}

function parseMerge(noted: JsonObject | undefined): Merge | undefined {
  const { removed, above, below, isActive } = noted ?? {};
  if (typeof removed !== 'string' || typeof above !== 'string' || typeof isActive !== 'boolean') return undefined;
  return { removed, above, below: typeof below === 'string' ? below : null, isActive };
}

function notMerged(merge: Merge, above: Image | undefined): CinderError {
  const found = above === undefined ? 'is not in the chain' : `stands on ${above.backing ?? 'nothing'}`;
  const message = `Nova says that it is done, but ${merge.above} ${found} and not on ${merge.below ?? 'nothing'}.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'unknown' });
}
