import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import { withSnapshot } from './info-file.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireDetached, requireKnownSnapshots, requireStatus } from './preconditions.ts';
import { imageOf, infoOf, wholeChain, type Image, type VolumeChain } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { snapshotFile } from './volume-names.ts';

const creatable = ['available', 'in-use', 'backing-up'] as const;

/**
 * A snapshot of a detached volume: an empty overlay on the active image becomes the active one.
 *
 * Dies it before the overlay has its name, the temporary file is removed by the next owner; dies it before `.info` has
 * been replaced, nothing names the overlay, and the next try puts a new one in its place.
 */
export async function createSnapshot(
  parts: RemoteFsParts,
  snapshot: Snapshot,
  volume: Volume,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  const temporary = snapshot.display_name?.startsWith('tmp-snap-') === true;
  requireStatus(volume, temporary ? [...creatable, 'downloading'] : creatable);
  requireDetached(volume, 'creating a snapshot');
  const folder = await openFolder(parts, volume, work);
  const overlay = snapshotFile(folder.base, snapshot.id);
  const chain = await folder.lookIdle([overlay]);
  const [top, ...below] = wholeChain(chain);
  if (infoOf(chain).snapshots.get(snapshot.id) !== overlay) {
    await requireKnownSnapshots(chain, volume, work, snapshot.id);
    await folder.withTemps(() => makeOverlay(parts, folder, chain, overlay, top));
    await folder.writeInfo(withSnapshot(infoOf(chain), snapshot.id, overlay), top.facts);
  }
  const bottom = below.at(-1) ?? top;
  return { adminMetadata: { base_format: bottom.format, format: 'qcow2' } };
}

async function makeOverlay(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  chain: VolumeChain,
  overlay: string,
  top: Image,
): Promise<void> {
  if (chain.images.some(({ name }) => name === overlay)) throw inUse(overlay);
  const temp = folder.temp('overlay');
  await parts.qemu.createOverlay({ path: temp.path, bytes: top.virtualBytes }, top, folder.work);
  const made = await folder.inspectTemp(temp.name);
  if (made?.header?.backingFile !== top.name || made.header.virtualSize !== top.virtualBytes) throw odd(temp.path);
  imageOf({ ...made, name: overlay }, folder.base, folder.volume, null);
  // A left-over overlay is replaced, not removed: a removal that came late would take the new one away.
  const how = chain.seen[overlay] === null ? 'link' : 'rename';
  await folder.commit('snapshot-overlay', temp.name, overlay, { how, owner: top.facts });
}

function inUse(overlay: string): CinderError {
  const message = `Refused: ${overlay} is part of the chain, but no snapshot's in the information file.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}

function odd(path: string): CinderError {
  const message = `qemu-img did not make the overlay ${path} that it was asked for.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'failed' });
}
