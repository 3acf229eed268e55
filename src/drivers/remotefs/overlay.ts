import { CinderError } from '../../domain/exceptions.ts';
import { newImage } from './encryption.ts';
import type { RemoteFsParts } from './parts.ts';
import { imageOf, type Image, type VolumeChain } from './volume-chain.ts';
import type { VolumeFolder } from './volume-folder.ts';

/** An empty image of this name on `top`, complete or not at all. `.info` does not name it yet. */
export async function makeOverlay(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  chain: VolumeChain,
  overlay: string,
  top: Image,
): Promise<void> {
  if (chain.images.some(({ name }) => name === overlay)) throw inUse(overlay);
  const temp = folder.temp('overlay');
  await createEmpty(parts, folder, temp.path, top, top.virtualBytes);
  const made = await folder.inspectTemp(temp.name);
  if (made?.header?.backingFile !== top.name || made.header.virtualSize !== top.virtualBytes) throw odd(temp.path);
  imageOf({ ...made, name: overlay }, folder.base, folder.volume, null);
  // A left-over overlay is replaced, not removed: a removal that came late would take the new one away.
  const how = chain.seen[overlay] === null ? 'link' : 'rename';
  await folder.commit('snapshot-overlay', temp.name, overlay, { how, owner: top.facts });
}

/** An overlay on `below` that shows what is there, of this virtual size and encrypted as the volume. */
export async function createEmpty(
  parts: RemoteFsParts,
  { volume, work }: VolumeFolder,
  path: string,
  below: Image,
  bytes: number,
): Promise<void> {
  if (below.isLuks) throw wholeFile(below.name);
  const image = await newImage(volume, { path, format: 'qcow2' }, work);
  await parts.qemu.createOverlay({ ...image, bytes }, below, work);
}

/** Nova would not find out how to read the file below: its header has no word for it. */
function wholeFile(name: string): CinderError {
  const message = `Refused: ${name} is encrypted as a whole file, and can have no snapshots; a clone of the volume can.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}

function inUse(overlay: string): CinderError {
  const message = `Refused: ${overlay} is part of the chain, but no snapshot's in the information file.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}

function odd(path: string): CinderError {
  const message = `qemu-img did not make the overlay ${path} that it was asked for.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'failed' });
}
