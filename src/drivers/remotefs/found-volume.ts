import { delay } from '../../kernel/abort.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Json } from '../../domain/json.ts';
import type { Volume } from '../../domain/rows.ts';
import { volumeNameId } from '../../domain/rows.ts';
import type { ImageFormat } from '../qemu-img.ts';
import type { FoundFile } from '../share/share-protocol.ts';
import type { DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import { invalidReference, isPart, nameIdOf, parseReference, sameShare } from './manage-reference.ts';
import type { FileReference } from './manage-reference.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { wholeChain } from './volume-chain.ts';
import { VolumeFolder } from './volume-folder.ts';
import { infoFile, volumeFile } from './volume-names.ts';

/** Longer than a predecessor's qemu-img can live: whoever has the file open then is somebody else. */
const busyLimitMs = 60_000;
const busyPauseMs = 500;

/** What may become a volume. */
export interface Found {
  readonly location: string;
  readonly dir: string;
  /** Of the file. */
  readonly name: string;
  /** What the guest sees: the file itself, or the top of its chain. */
  readonly top: { readonly name: string; readonly format: ImageFormat; readonly bytes: number };
  /** It has an information file and maybe overlays, which are called after this id: all keep their names. */
  readonly chainOf: string | null;
  readonly formats: NonNullable<VolumeModelUpdate['adminMetadata']>;
}

export type Sound = FoundFile & { readonly fault: null };

/**
 * What the reference names, checked: a regular file of a format that volumes have, which leads to no other file, which
 * nobody has open, and which no row names. Under the locks of what it names. What a predecessor has renamed already is
 * found under the volume's own name.
 */
export async function findVolume(
  parts: RemoteFsParts,
  volume: Volume,
  reference: Json,
  work: DriverWork,
): Promise<Found> {
  const taken = await takenBefore(parts, volume, work);
  if (taken !== null) return checked(parts, { ...taken, volume, reference }, work);
  const wanted = parseReference(reference);
  if (isPart(wanted.name)) throw invalidReference(reference, `${wanted.name} is a part of another volume`);
  const places = await placesOf(parts, wanted, reference, work);
  const [place, another] = places;
  if (place === undefined) throw invalidReference(reference, `no such file on ${locationsText(parts)}`);
  if (another !== undefined) {
    const both = `${place.location} and ${another.location}`;
    throw invalidReference(reference, `${both} have such a file; give SHARE/NAME`);
  }
  await requireUnowned(wanted.name, volume, work);
  return checked(parts, { ...place, name: wanted.name, volume, reference }, work);
}

interface Place {
  readonly location: string;
  readonly dir: string;
}

async function takenBefore(
  parts: RemoteFsParts,
  volume: Volume,
  work: DriverWork,
): Promise<(Place & { readonly name: string }) | null> {
  if (volume.provider_location === null) return null;
  const place = await placeAt(parts, volume.provider_location, work);
  const name = volumeFile(volume);
  return (await isThere(parts, place, name, work)) ? { ...place, name } : null;
}

/** The shares that have it. One that cannot be reached may have it too, so its error ends the search. */
async function placesOf(
  parts: RemoteFsParts,
  { location, name }: FileReference,
  reference: Json,
  work: DriverWork,
): Promise<readonly Place[]> {
  const all = parts.mounts.shares().map((share) => share.location);
  const meant = location === null ? all : all.filter((one) => sameShare(location, one));
  if (meant.length === 0) {
    throw invalidReference(reference, `${String(location)} is not a share of this backend (${locationsText(parts)})`);
  }
  const places: Place[] = [];
  for (const one of meant) {
    const place = await placeAt(parts, one, work);
    if (await isThere(parts, place, name, work)) places.push(place);
  }
  return places;
}

async function placeAt(parts: RemoteFsParts, location: string, work: DriverWork): Promise<Place> {
  return { location, dir: await parts.folders.ready(location, work) };
}

/** The volume's own file may have been merged away: then its `.info` stands for it. */
async function isThere(parts: RemoteFsParts, { dir }: Place, name: string, work: DriverWork): Promise<boolean> {
  const fresh = parts.mounts.remote;
  const { [name]: file } = await parts.share.call('examine', { dir, names: [name], fresh }, work);
  return file !== null || (nameIdOf(name) !== null && (await hasInfo(parts, dir, name, work)));
}

async function hasInfo(parts: RemoteFsParts, dir: string, name: string, work: DriverWork): Promise<boolean> {
  const { [infoFile(name)]: text } = await parts.share.call('read', { dir, names: [infoFile(name)] }, work);
  return text !== null;
}

/** A row that names the file has it, whatever its status: it may be another backend's. */
async function requireUnowned(name: string, volume: Volume, work: DriverWork): Promise<void> {
  const nameId = nameIdOf(name);
  if (nameId === null) return;
  const owners = await work.ownersOf([nameId]);
  if (owners.every(({ id }) => id === volume.id)) return;
  throw new CinderError('ManageExistingAlreadyManaged', { volume_ref: name }, { outcome: 'not-started' });
}

interface Candidate extends Place {
  readonly name: string;
  readonly volume: Volume;
  readonly reference: Json;
}

async function checked(parts: RemoteFsParts, found: Candidate, work: DriverWork): Promise<Found> {
  const { name, reference } = found;
  const file = await examineIdle(parts, found, work);
  if (file !== null && file.fault !== null) throw invalidReference(reference, `${name}: ${file.fault}`);
  const linked = file === null ? null : linkProblem(file);
  if (linked !== null) throw invalidReference(reference, `${name}: ${linked}`);
  const chain = await chainOf(parts, found, file, work);
  if (chain !== null) return chain;
  if (file === null) throw invalidReference(reference, `${name} is gone`);
  const unclear = formatProblem(file);
  if (unclear !== null) throw invalidReference(reference, `${name}: ${unclear}`);
  const top = { name, format: file.format, bytes: virtualBytes(file) };
  return { ...found, top, chainOf: null, formats: { format: file.format } };
}

async function examineIdle(
  parts: RemoteFsParts,
  { dir, name, reference }: Candidate,
  work: DriverWork,
): Promise<FoundFile | null> {
  const limit = parts.clock.nowMs() + busyLimitMs;
  for (;;) {
    const { [name]: file } = await parts.share.call('examine', { dir, names: [name], fresh: false }, work);
    if (file === undefined || file === null) return null;
    if (file.fault !== null || !file.facts.busy) return file;
    if (parts.clock.nowMs() >= limit) throw invalidReference(reference, `${name} is in use`);
    await delay(busyPauseMs, work.signal);
  }
}

/** A volume with an information file: snapshots that nobody manages any more may be in it. */
async function chainOf(
  parts: RemoteFsParts,
  found: Candidate,
  base: Sound | null,
  work: DriverWork,
): Promise<Found | null> {
  const nameId = nameIdOf(found.name);
  if (nameId === null || !(await hasInfo(parts, found.dir, found.name, work))) return null;
  // As the volume will be: its base file's format is believed only where its length leaves no doubt.
  const size = base === null ? null : base.facts.bytes / gib;
  const folder = new VolumeFolder(parts, found.dir, { ...found.volume, _name_id: nameId, size }, work);
  const images = wholeChain(await folder.lookIdle());
  const [top] = images;
  const bottom = images.at(-1) ?? top;
  const formats = images.length === 1 ? { format: top.format } : { base_format: bottom.format, format: 'qcow2' };
  return { ...found, top: { ...top, bytes: top.virtualBytes }, chainOf: nameId, formats };
}

export function linkProblem({ links }: Sound): string | null {
  return links > 1 ? `it has ${links} names (hard links), of which another may be a volume's` : null;
}

/** What speaks against a file that stands alone. (Of a chain the overlay above says what the file below is.) */
export function formatProblem({ facts, format }: Sound): string | null {
  if (format === 'raw') return null;
  if (facts.header?.virtualSize === 0) return 'it has no size';
  // The guest of a raw volume can write such a beginning; no qcow2 file is exactly as long as a volume.
  return facts.bytes % gib === 0
    ? 'it begins like qcow2 and is as long as a raw volume: which of them it is, is not clear'
    : null;
}

export function virtualBytes({ facts, format }: Sound): number {
  return format === 'raw' ? facts.bytes : (facts.header?.virtualSize ?? 0);
}

/** The name id that the row gets, where it is not its own id. */
export function nameIdFor(volume: Volume, { chainOf: nameId }: Found): string | null {
  return nameId === null || nameId === volumeNameId(volume) ? null : nameId;
}

function locationsText(parts: RemoteFsParts): string {
  return parts.mounts
    .shares()
    .map(({ location }) => location)
    .join(', ');
}
