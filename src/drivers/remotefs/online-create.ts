import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, SnapshotUpdate } from '../volume-driver.ts';
import { withoutSnapshot, withSnapshot } from './info-file.ts';
import { askNova, noSign, delegationOf, novaFailed, novaRefused, signOf } from './nova-sign.ts';
import { makeOverlay } from './overlay.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireKnownSnapshots } from './preconditions.ts';
import { infoOf, wholeChain } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { snapshotFile } from './volume-names.ts';

/** Upstream's patience with Nova. */
const limitMs = 600_000;

/**
 * A snapshot of an attached volume: Nova lets the guest write to the overlay.
 *
 * 1. overlay: empty, on the active image.
 * 2. `.info` names it as the active one. *Before* Nova is asked (upstream: after): whoever attaches the volume next reads
 *    the chain there. An overlay that the guest never came to use shows what is below it; one that it did use and that
 *    nobody names would be lost.
 * 3. intent, and the request to Nova. It is never sent again: a successor waits for its sign. A refusal is noted, and 2
 *    and 1 are undone, by a successor as well.
 * 4. sign: `creating`, 90%. Any other status: Nova has failed, and 2 and 1 are undone, unless the guest has the overlay
 *    open all the same. No sign for ten minutes: the guest's having it open counts; else the entry is given back.
 */
export async function createOnline(
  parts: RemoteFsParts,
  snapshot: Snapshot,
  volume: Volume,
  work: DriverWork,
): Promise<SnapshotUpdate> {
  const delegation = delegationOf(work);
  const folder = await openFolder(parts, volume, work);
  const overlay = snapshotFile(folder.base, snapshot.id);
  if (delegation.asked(snapshot.id) === undefined) {
    if (snapshot.status !== 'creating') throw novaFailed(snapshot, 'creating');
    await prepare(parts, folder, snapshot, overlay);
    await delegation.ask(snapshot.id, { new_file: overlay });
    const asked = { volumeId: volume.id, snapshotId: snapshot.id, newFile: overlay };
    await askNova(() => parts.assisted.createSnapshot(asked, work.signal), snapshot, delegation, work);
  }
  const refusal = delegation.refusalOf(snapshot.id);
  if (refusal !== undefined) {
    await undo(folder, snapshot, overlay);
    throw novaRefused(refusal);
  }
  const sign = await signOf(snapshot, 'creating', limitMs, parts, work, delegation);
  if (sign === 'failed') {
    await undo(folder, snapshot, overlay);
    throw novaFailed(snapshot, 'creating');
  }
  const chain = await folder.look([overlay], true);
  if (sign === 'none' && chain.seen[overlay]?.busy !== true) throw noSign(snapshot, 'creating');
  const [top, ...below] = wholeChain(chain);
  const format = { base_format: (below.at(-1) ?? top).format, format: 'qcow2' };
  return { activeFile: overlay, adminMetadata: format };
}

/** Steps 1 and 2; found done where a predecessor did them. */
async function prepare(parts: RemoteFsParts, folder: VolumeFolder, snapshot: Snapshot, overlay: string): Promise<void> {
  const chain = await folder.look([overlay]);
  const [top] = wholeChain(chain);
  if (infoOf(chain).snapshots.get(snapshot.id) === overlay) return;
  await requireKnownSnapshots(chain, folder.volume, folder.work, snapshot.id);
  await folder.withTemps(() => makeOverlay(parts, folder, chain, overlay, top));
  await folder.writeInfo(withSnapshot(infoOf(chain), snapshot.id, overlay), top.facts);
}

/** Nova will not use it any more; a guest that does keeps it, and the chain is right as it is. */
async function undo(folder: VolumeFolder, snapshot: Snapshot, overlay: string): Promise<void> {
  const chain = await folder.look([overlay], true);
  const info = infoOf(chain);
  if (chain.seen[overlay]?.busy === true) return;
  if (info.snapshots.get(snapshot.id) === overlay && info.active === overlay) {
    const below = chain.images.at(1);
    if (below === undefined) return;
    await folder.writeInfo(withoutSnapshot(info, snapshot.id, below.name), below.facts);
  }
  await folder.unlink('snapshot-left-over', [overlay]);
}
