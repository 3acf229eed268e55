import { CinderError } from '../domain/exceptions.ts';
import { isJsonObject } from '../domain/json.ts';
import type { Volume } from '../domain/rows.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import type { ImageMeta, LocalImage } from '../images/image-service.ts';
import { messageOf, toError } from '../kernel/errors.ts';
import { isOutdated, keptRow, letGo, mayUseCache, type KeptImage, type NewKeptImage } from './image-cache.ts';
import type { OperationPorts, Scope } from './operation.ts';
import { NotSettledError, moveVolume } from './row-moves.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/*
 * How a volume gets an image's content: for create_volume and for reimage.
 */

export interface ImageSource {
  readonly kind: 'image';
  readonly imageId: string;
  /** The image as a volume of the cache. */
  readonly kept: KeptImage | null;
}

/** A volume's content came from an image. */
export interface FromImage {
  readonly image: ImageMeta;
  /** The entry of the cache that it was cloned from. */
  readonly hit: KeptImage | null;
  /** What is to be kept in the cache. */
  readonly keep: NewKeptImage | null;
}

const gib = 1024 ** 3;

/** Makes the volume's file from the image, or from what the cache has kept of it. */
export async function makeFromImage(
  volume: Volume,
  source: ImageSource,
  scope: Scope,
  ports: OperationPorts,
): Promise<{ readonly update: VolumeModelUpdate; readonly from: FromImage }> {
  const ability = imageAbility(ports);
  const image = await ports.images.show(scope.context, source.imageId, scope.signal);
  ports.images.requireFit(image, targetOf(volume, ability.format));
  const cloned = await cloneKept(volume, source, image, scope, ports);
  if (cloned !== null) return { update: cloned, from: { image, hit: source.kept, keep: null } };
  const downloading = await markDownloading(volume, scope);
  return withImage(image, downloading, scope, ports, async (local) => {
    const update = await writeImage(downloading, local, scope, ports);
    const keep = source.kept === null ? await keepImage(downloading, image, local, scope, ports) : null;
    return { update, from: { image, hit: null, keep } };
  });
}

/** Runs `use` with the image on this machine, inspected. */
export async function withImage<T>(
  image: ImageMeta,
  volume: Volume,
  { context, work }: Scope,
  ports: OperationPorts,
  use: (local: LocalImage) => Promise<T>,
): Promise<T> {
  const target = targetOf(volume, imageAbility(ports).format);
  const local = await ports.images.fetch(context, image, target, work);
  try {
    return await use(local);
  } finally {
    await local[Symbol.asyncDispose]();
  }
}

/** Puts an image on this machine into the volume's place. What fails for certain is upstream's `ImageCopyFailure`. */
export async function writeImage(
  volume: Volume,
  local: LocalImage,
  { work }: Scope,
  ports: OperationPorts,
): Promise<VolumeModelUpdate> {
  try {
    return await imageAbility(ports).write(volume, local, work);
  } catch (thrown) {
    if (isUnknownOutcome(thrown)) throw thrown;
    throw new CinderError('ImageCopyFailure', { reason: messageOf(thrown) }, { cause: thrown, outcome: 'failed' });
  }
}

/** What a volume's image metadata say of the image that it was made from: upstream's keys, all of them text. */
export function glanceValues(image: ImageMeta): Readonly<Record<string, string>> {
  const { md5, containerFormat, diskFormat, minDiskGb, minRamMb, sizeBytes, name } = image;
  const own = {
    image_id: image.id,
    image_name: name,
    checksum: md5,
    container_format: containerFormat,
    disk_format: diskFormat,
    min_disk: minDiskGb,
    min_ram: minRamMb,
    size: sizeBytes,
  };
  const known = Object.entries(own).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)] as const]));
  return { ...image.properties, ...Object.fromEntries(known) };
}

export function imageAbility({ backend }: OperationPorts): NonNullable<typeof backend.driver.image> {
  const { image } = backend.driver;
  if (image === undefined) throw new CinderError('NotSupportedOperation', { operation: 'images' });
  return image;
}

function targetOf(volume: Volume, format: 'raw' | 'qcow2') {
  return { volumeId: volume.id, sizeGb: volume.size ?? 0, format, isEncrypted: volume.encryption_key_id !== null };
}

/** Null: there is nothing to clone, or it could not be cloned, and the image is downloaded as if there were no cache. */
async function cloneKept(
  volume: Volume,
  { kept }: ImageSource,
  image: ImageMeta,
  scope: Scope,
  ports: OperationPorts,
): Promise<VolumeModelUpdate | null> {
  const { clone } = ports.backend.driver;
  if (kept === null || clone === undefined) return null;
  if (isOutdated(kept.entry, image)) {
    await scope.save((db) => letGo(db, kept.entry, scope, ports));
    // The locks are those of the entry; without it they are others.
    throw new NotSettledError(`image ${image.id} has changed since it was kept: looking again`);
  }
  try {
    return await clone.create(volume, { kind: 'volume', volume: kept.volume }, scope.work);
  } catch (thrown) {
    if (isUnknownOutcome(thrown)) throw thrown;
    scope.log.warn(
      { err: thrown, image_volume: kept.volume.id },
      'cannot clone what is kept of the image: downloading it',
    );
    return null;
  }
}

async function markDownloading(volume: Volume, scope: Scope): Promise<Volume> {
  if (volume.status === 'downloading') return volume;
  await scope.save(async (db) => {
    await moveVolume(db, volume, 'downloading');
    await db.workers.setStatus('Volume', volume.id, 'downloading');
  });
  return { ...volume, status: 'downloading' };
}

/** A second volume for the cache. That it cannot be made is no fault of the first one. */
async function keepImage(
  volume: Volume,
  image: ImageMeta,
  local: LocalImage,
  scope: Scope,
  ports: OperationPorts,
): Promise<NewKeptImage | null> {
  const { imageCache: cache } = ports;
  const sizeGb = Math.max(1, Math.ceil(local.virtualBytes / gib));
  if (cache === null || !mayUseCache(ports, volume)) return null;
  if (cache.maxSizeGb !== 0 && sizeGb > cache.maxSizeGb) return null;
  const row = keptRow(volume, image, sizeGb, cache);
  let placed: Volume | null = null;
  try {
    placed = { ...row, provider_location: await placeKept(row, scope, ports) };
    await imageAbility(ports).write(placed, local, scope.work);
    return { image, row: placed };
  } catch (thrown) {
    if (isUnknownOutcome(thrown)) throw toError(thrown);
    scope.log.warn({ err: thrown, image_id: image.id }, 'the image is not kept in the cache');
    if (placed !== null) await removeKept(placed, scope, ports);
    return null;
  }
}

/** Takes away what was made for the cache and does not get a row. */
export async function removeKept(made: Volume, { work, log }: Scope, { backend }: OperationPorts): Promise<void> {
  await backend.driver.remove(made, work).catch((thrown: unknown) => {
    if (isUnknownOutcome(thrown)) throw toError(thrown);
    log.warn({ err: thrown, volume_id: made.id }, 'what was made for the cache stays on the share');
  });
}

/** Where it lies is noted before a file of it exists, so that a successor makes it at the same place. */
async function placeKept(row: Volume, scope: Scope, { backend, provisioned }: OperationPorts): Promise<string> {
  const noted = scope.claim.notes['kept_image'];
  if (isJsonObject(noted) && noted['volume_id'] === row.id && typeof noted['location'] === 'string') {
    return noted['location'];
  }
  const sums = await provisioned.byLocation(backend.driver.locations());
  const request = { volume: row, sizeGb: row.size ?? 0, provisioned: sums };
  const { provider_location: location } = await backend.driver.place(request, scope.work);
  await scope.note({ kept_image: { volume_id: row.id, location } });
  return location;
}
