import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import { sizeBytes } from './create-volume.ts';
import { createEmpty } from './overlay.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireDetached, requireStatus } from './preconditions.ts';
import { infoOf, wholeChain, type Image } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

/**
 * The latest snapshot's file is the active image and holds all that was written since. An empty overlay on the same
 * backing file takes its name: one rename, and nothing else changes, neither `.info` nor any other file. Before it the
 * volume is as it was, after it as at the snapshot; done once more it puts an empty overlay in the place of an empty
 * one, because nobody uses the volume until it has been settled.
 */
export async function revertVolume(
  parts: RemoteFsParts,
  volume: Volume,
  snapshot: Snapshot,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  requireStatus(volume, ['reverting']);
  requireDetached(volume, 'reverting to a snapshot');
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.lookIdle();
  const [top, below] = wholeChain(chain);
  const file = infoOf(chain).snapshots.get(snapshot.id);
  if (file !== top.name) throw refuse(snapshot, file === undefined ? 'is not in the chain' : 'is not the latest one');
  if (below === undefined) throw refuse(snapshot, 'has no data in the chain');
  await folder.withTemps(() => renew(parts, folder, top, below));
  return {};
}

/** As large as the volume: it may have been extended since the snapshot. */
async function renew(parts: RemoteFsParts, folder: VolumeFolder, top: Image, below: Image): Promise<void> {
  const temp = folder.temp('revert');
  const bytes = Math.max(sizeBytes(folder.volume), below.virtualBytes);
  await createEmpty(parts, folder, temp.path, below, bytes);
  const made = await folder.inspectTemp(temp.name);
  if (made?.header?.backingFile !== below.name || made.header.virtualSize !== bytes) {
    const message = `qemu-img did not make the overlay ${temp.path} that it was asked for.`;
    throw new CinderError('RemoteFSException', {}, { message, outcome: 'failed' });
  }
  await folder.commit('snapshot-revert', temp.name, top.name, { how: 'rename', owner: top.facts });
}

function refuse({ id }: Snapshot, why: string): CinderError {
  return new CinderError('InvalidSnapshot', { reason: `snapshot ${id} ${why}` }, { outcome: 'not-started' });
}
