import { CinderError } from '../../domain/exceptions.ts';
import type { CloneSource, DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import { sizeBytes, mayReplace, conflict } from './create-volume.ts';
import { formatOf, newImage, reopened } from './encryption.ts';
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
  requireSameEncryption(volume, source.volume);
  const bytes = sizeBytes(volume);
  const adminMetadata = { format: formatOf(volume, parts.format) };
  const target = await openFolder(parts, volume, work);
  const found = await target.lookIdle();
  const present = found.seen[target.base] ?? null;
  if (present !== null && !mayReplace(volume)) {
    if ((present.header?.virtualSize ?? present.bytes) === bytes) return { adminMetadata };
    throw conflict(target, present.bytes);
  }
  if (present !== null) {
    requireSingleFile(found);
    await requireKnownSnapshots(found, volume, work);
  }
  const from = await openFolder(parts, source.volume, work);
  const images = await sourceImages(from, source);
  const [image] = images;
  if (image.virtualBytes > bytes) throw tooSmall(volume, image.virtualBytes);
  await target.withTemps(() => copy(parts, { from, images }, target, { bytes, replaces: present }));
  return { adminMetadata };
}

async function copy(
  parts: RemoteFsParts,
  { from, images }: { readonly from: VolumeFolder; readonly images: readonly [Image, ...Image[]] },
  target: VolumeFolder,
  { bytes, replaces }: { readonly bytes: number; readonly replaces: ImageFacts | null },
): Promise<void> {
  const { work, volume } = target;
  const temp = target.temp('copy');
  const format = formatOf(volume, parts.format);
  const open = await from.open(images);
  const to = await newImage(volume, { path: temp.path, format }, work);
  await from.whileBusy(() => parts.qemu.convert(open, to, work));
  const isRaw = format === 'raw';
  if (!isRaw && images[0].virtualBytes < bytes) await parts.qemu.resize(reopened(to), bytes, work);
  const as =
    replaces === null
      ? { how: 'link' as const }
      : { how: 'rename' as const, owner: { uid: replaces.uid, gid: replaces.gid } };
  await target.commit('volume-file', temp.name, target.base, { ...as, ...(isRaw && { growTo: bytes }) });
}

/** What the source shows, and what that stands on. */
function sourceImages(from: VolumeFolder, source: CloneSource): Promise<readonly [Image, ...Image[]]> {
  return source.kind === 'snapshot' ? snapshotImages(from, source.snapshot) : activeImages(from);
}

async function activeImages(from: VolumeFolder): Promise<readonly [Image, ...Image[]]> {
  requireStatus(from.volume, clonable);
  requireDetached(from.volume, 'cloning');
  const chain = await from.lookIdle();
  await requireKnownSnapshots(chain, from.volume, from.work);
  return wholeChain(chain);
}

/** A snapshot's data is in the backing file of the file that `.info` names for it; nobody writes there. */
async function snapshotImages(
  from: VolumeFolder,
  snapshot: { readonly id: string; readonly status: string | null },
): Promise<readonly [Image, ...Image[]]> {
  if (!snapshotReadable.some((status) => status === snapshot.status)) {
    const reason = `snapshot ${snapshot.id} is ${snapshot.status}`;
    throw new CinderError('InvalidSnapshot', { reason }, { outcome: 'not-started' });
  }
  const chain = await from.look();
  const images = wholeChain(chain);
  const file = infoOf(chain).snapshots.get(snapshot.id);
  const at = images.findIndex(({ name }) => name === file);
  const [image, ...below] = at < 0 ? [] : images.slice(at + 1);
  if (image !== undefined) return [image, ...below];
  const message = `Snapshot ${snapshot.id} has no data in ${from.base}'s chain.`;
  throw new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}

/** As upstream, whose API refuses both before they come here. */
function requireSameEncryption(volume: Volume, source: Volume): void {
  if ((volume.encryption_key_id === null) === (source.encryption_key_id === null)) return;
  if (volume.encryption_key_id === null) {
    const operation = `volume ${volume.id}, not encrypted, from the encrypted volume ${source.id}`;
    throw new CinderError('NotSupportedOperation', { operation }, { outcome: 'not-started' });
  }
  const message = `Encrypted volume ${volume.id} cannot be made from volume ${source.id}, which is not encrypted.`;
  throw new CinderError('NfsException', {}, { message, outcome: 'not-started' });
}

function tooSmall(volume: Volume, bytes: number): CinderError {
  const reason = `volume ${volume.id} has ${volume.size} GiB, its source ${bytes} bytes`;
  return new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
}
