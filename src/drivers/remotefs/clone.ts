import { CinderError } from '../../domain/exceptions.ts';
import type { CloneSource, DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import { sizeBytes, mayReplace, conflict } from './create-volume.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireDetached, requireKnownSnapshots, requireSingleFile, requireStatus } from './preconditions.ts';
import { infoOf, wholeChain, type Image } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

const clonable = ['available', 'in-use', 'backing-up', 'downloading'] as const;
const snapshotReadable = ['available', 'backing-up', 'restoring'] as const;

/**
 * A volume with the content of a snapshot or of another volume, and its own size. The copy is made under a temporary
 * name, so that a file with the volume's name is always complete. Upstream clones by way of a temporary snapshot; under
 * the source's chain lock reading the detached source itself gives the same.
 */
export async function cloneVolume(
  parts: RemoteFsParts,
  volume: Volume,
  source: CloneSource,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  const bytes = sizeBytes(volume);
  const target = await openFolder(parts, volume, work);
  const found = await target.lookIdle();
  const present = found.seen[target.base] ?? null;
  if (present !== null && !mayReplace(volume)) {
    if ((present.header?.virtualSize ?? present.bytes) === bytes) return { adminMetadata: { format: parts.format } };
    throw conflict(target, present.bytes);
  }
  if (present !== null) {
    requireSingleFile(found);
    await requireKnownSnapshots(found, volume, work);
  }
  const from = await openFolder(parts, source.volume, work);
  const image = await sourceImage(from, source);
  if (image.virtualBytes > bytes) throw tooSmall(volume, image.virtualBytes);
  await target.withTemps(() => copy(parts, { from, image }, target, { bytes, replaces: present }));
  return { adminMetadata: { format: parts.format } };
}

async function copy(
  parts: RemoteFsParts,
  { from, image }: { readonly from: VolumeFolder; readonly image: Image },
  target: VolumeFolder,
  { bytes, replaces }: { readonly bytes: number; readonly replaces: ImageFacts | null },
): Promise<void> {
  const { work } = target;
  const temp = target.temp('copy');
  const to = { path: temp.path, format: parts.format };
  await from.whileBusy(() => parts.qemu.convert({ path: from.path(image.name), format: image.format }, to, work));
  const isRaw = parts.format === 'raw';
  if (!isRaw && image.virtualBytes < bytes) await parts.qemu.resize(temp.path, 'qcow2', bytes, work);
  const as =
    replaces === null
      ? { how: 'link' as const }
      : { how: 'rename' as const, owner: { uid: replaces.uid, gid: replaces.gid } };
  await target.commit('volume-file', temp.name, target.base, { ...as, ...(isRaw && { growTo: bytes }) });
}

function sourceImage(from: VolumeFolder, source: CloneSource): Promise<Image> {
  return source.kind === 'snapshot' ? snapshotImage(from, source.snapshot) : activeImage(from);
}

async function activeImage(from: VolumeFolder): Promise<Image> {
  requireStatus(from.volume, clonable);
  requireDetached(from.volume, 'cloning');
  const chain = await from.lookIdle();
  await requireKnownSnapshots(chain, from.volume, from.work);
  return wholeChain(chain)[0];
}

/** A snapshot's data is in the backing file of the file that `.info` names for it; nobody writes there. */
async function snapshotImage(
  from: VolumeFolder,
  snapshot: { readonly id: string; readonly status: string | null },
): Promise<Image> {
  if (!snapshotReadable.some((status) => status === snapshot.status)) {
    const reason = `snapshot ${snapshot.id} is ${snapshot.status}`;
    throw new CinderError('InvalidSnapshot', { reason }, { outcome: 'not-started' });
  }
  const chain = await from.look();
  const images = wholeChain(chain);
  const file = infoOf(chain).snapshots.get(snapshot.id);
  const at = images.findIndex(({ name }) => name === file);
  const image = at < 0 ? undefined : images[at + 1];
  if (image !== undefined) return image;
  const message = `Snapshot ${snapshot.id} has no data in ${from.base}'s chain.`;
  throw new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}

function tooSmall(volume: Volume, bytes: number): CinderError {
  const reason = `volume ${volume.id} has ${volume.size} GiB, its source ${bytes} bytes`;
  return new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
}
