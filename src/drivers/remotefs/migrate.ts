import { CinderError } from '../../domain/exceptions.ts';
import { isJsonObject } from '../../domain/json.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFormat } from '../qemu-img.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import type { DriverWork, MigrationAbility, Passage } from '../volume-driver.ts';
import { arrive } from './arrival.ts';
import { sizeBytes } from './create-volume.ts';
import { formatOf, newImage, reopened } from './encryption.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireDetached, requireKnownSnapshots } from './preconditions.ts';
import { isLocation } from './shares.ts';
import { infoOf, wholeChain, type Image } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { volumeFile } from './volume-names.ts';

/** @param type os-brick's name for this kind of share: volumes migrate between shares of one kind */
export function migrationAbility(parts: RemoteFsParts, type: string): MigrationAbility {
  return {
    requireNoSnapshots: (volume, work) => requireNoSnapshots(parts, volume, work),
    copy: (passage, renamed, work) => copy(parts, type, passage, renamed, work),
    isRenamed: (passage, work) => isRenamed(parts, type, passage, work),
    arrive: (arrival, work) => arrive(parts, arrival, work),
  };
}

/** Of one with rows the caller knows; who let go of a snapshot wanted its data to stay. */
async function requireNoSnapshots(parts: RemoteFsParts, volume: Volume, work: DriverWork): Promise<void> {
  const folder = await openFolder(parts, volume, work);
  const ids = [...infoOf(await folder.look()).snapshots.keys()];
  if (ids.length === 0) return;
  const reason = `it has snapshots that were let go of (${ids.join(', ')}); take them in and delete them`;
  throw new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
}

/** Where the other service has made the target's file. */
interface Destination {
  readonly location: string;
  readonly options: string | null;
  readonly format: ImageFormat;
}

/**
 * Python copies the file's bytes into the target's, whatever their formats. Here the volume is read as what it is, also
 * through what is left of a chain, and written in the target's format under a temporary name, which one rename then
 * takes: whoever is interrupted has changed nothing, and what an older owner left there is removed before.
 */
async function copy(
  parts: RemoteFsParts,
  type: string,
  passage: Passage,
  renamed: boolean,
  work: DriverWork,
): Promise<void> {
  const { volume, target } = passage;
  requireDetached(volume, 'migrating');
  const destination = destinationOf(passage, type);
  const from = await openFolder(parts, volume, work);
  const chain = await from.lookIdle();
  await requireKnownSnapshots(chain, volume, work);
  const images = wholeChain(chain);
  const [top] = images;
  if (top.virtualBytes > sizeBytes(volume)) throw refuse(`${top.name} shows more than the volume's ${volume.size} GiB`);
  const to = await folderOf(parts, passage, destination, work);
  const name = renamed ? ownName(passage) : to.base;
  const made = (await to.lookIdle([name])).seen[name] ?? null;
  if (made === null) throw refuse(`the other service's ${name} is not on ${destination.location}`);
  if (target.id === volume.id || to.path(name) === from.path(top.name)) throw refuse(`${name} is the volume itself`);
  await to.withTemps(() => write(parts, { from, images }, { folder: to, made, format: destination.format }));
}

async function write(
  parts: RemoteFsParts,
  { from, images }: { readonly from: VolumeFolder; readonly images: readonly [Image, ...Image[]] },
  to: { readonly folder: VolumeFolder; readonly made: ImageFacts; readonly format: ImageFormat },
): Promise<void> {
  const { folder, made, format } = to;
  const { work } = folder;
  const bytes = sizeBytes(from.volume);
  const temp = folder.temp('migration');
  if (isCopiedAsIs(from, images, format)) return copyAsIs(parts, from, images[0], to);
  const source = await from.open(images);
  const target = await newImage(from.volume, { path: temp.path, format: formatOf(from.volume, format) }, work);
  if (target.format !== format) throw refuse(`the volume is encrypted, and the target is ${format}`);
  await from.whileBusy(() => parts.qemu.convert(source, target, work));
  if (format === 'qcow2' && images[0].virtualBytes < bytes) await parts.qemu.resize(reopened(target), bytes, work);
  const { uid, gid, mode } = made;
  const growth = format === 'raw' ? { growTo: bytes } : {};
  await folder.commit('migration-copy', temp.name, made.name, { how: 'rename', owner: { uid, gid }, mode, ...growth });
}

/**
 * An encrypted file that stands by itself: its key goes with it, and nobody has to know that. An administrator, who
 * migrates volumes, may not even read it.
 */
function isCopiedAsIs(from: VolumeFolder, [top, ...below]: readonly [Image, ...Image[]], format: ImageFormat): boolean {
  if (from.volume.encryption_key_id === null || below.length > 0) return false;
  return top.format === format && top.virtualBytes === sizeBytes(from.volume);
}

/** Byte for byte. */
async function copyAsIs(
  parts: RemoteFsParts,
  from: VolumeFolder,
  { name }: Image,
  { folder, made }: { readonly folder: VolumeFolder; readonly made: ImageFacts },
): Promise<void> {
  const temp = folder.temp('migration');
  const [source, target] = [
    { path: from.path(name), format: 'raw' },
    { path: temp.path, format: 'raw' },
  ];
  await from.whileBusy(() => parts.qemu.convert(source, target, folder.work));
  const { uid, gid, mode } = made;
  await folder.commit('migration-copy', temp.name, made.name, { how: 'rename', owner: { uid, gid }, mode });
}

async function isRenamed(parts: RemoteFsParts, type: string, passage: Passage, work: DriverWork): Promise<boolean> {
  const destination = destinationOf(passage, type);
  // On its own share the volume's name is the volume's.
  if (destination.location === passage.volume.provider_location) return false;
  const folder = await folderOf(parts, passage, destination, work);
  const own = ownName(passage);
  const { seen } = await folder.look([own]);
  return (seen[folder.base] ?? null) === null && (seen[own] ?? null) !== null;
}

function folderOf(
  parts: RemoteFsParts,
  { target }: Passage,
  { location, options }: Destination,
  work: DriverWork,
): Promise<VolumeFolder> {
  return openFolder(parts, { ...target, provider_location: location }, work, options);
}

function ownName({ volume }: Passage): string {
  return volumeFile({ id: volume.id, _name_id: null });
}

/** The words of another service become a mount and a path: nothing is taken that a share's line could not say. */
function destinationOf({ target, connection }: Passage, type: string): Destination {
  const { driver_volume_type: kind, data } = connection;
  const { export: location, name, format, options } = isJsonObject(data) ? data : {};
  if (kind !== type) throw refuse(`the other backend is reached by ${told(kind)}, this one copies to ${type} only`);
  if (typeof location !== 'string' || !isLocation(location) || location.startsWith('-')) {
    throw refuse(`${told(location)} is no share`);
  }
  if (name !== volumeFile(target)) throw refuse(`the target's file is ${told(name)}, not ${volumeFile(target)}`);
  if (format !== 'raw' && format !== 'qcow2') throw refuse(`the target's format is ${told(format)}`);
  const isPlain = typeof options === 'string' && /^-o\s*[\w=.,:/-]+$/.test(options);
  return { location, options: isPlain ? options : null, format };
}

function told(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}

function refuse(reason: string): CinderError {
  return new CinderError('VolumeMigrationFailed', { reason }, { outcome: 'not-started' });
}
