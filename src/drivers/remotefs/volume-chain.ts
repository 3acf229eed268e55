import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFormat } from '../qemu-img.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import type { SnapshotInfo } from './info-file.ts';
import { gib } from './settings.ts';
import { backingName, infoFile } from './volume-names.ts';

/** One image of a volume, checked. */
export interface Image {
  readonly name: string;
  readonly format: ImageFormat;
  /** Bytes. */
  readonly virtualBytes: number;
  /** The file below it, or null at the bottom. */
  readonly backing: string | null;
  /** The whole (raw) file is LUKS: Python makes such ones of snapshots and encrypted images. */
  readonly isLuks: boolean;
  readonly facts: ImageFacts;
}

/** A volume's files as found under the lock: `images` leads from the active one down. */
export interface VolumeChain {
  readonly base: string;
  /** Null where there is no `.info` file. */
  readonly info: SnapshotInfo | null;
  readonly active: string;
  readonly images: readonly Image[];
  /** Where the chain breaks off: a file that is named and is not there. */
  readonly missing: string | null;
  /** Every file that was looked at, in the chain or not. */
  readonly seen: Readonly<Record<string, ImageFacts | null>>;
}

type Found = Pick<VolumeChain, 'base' | 'info' | 'seen'>;

/**
 * Puts the chain together from what the share helper saw.
 *
 * @param knownFormat the base file's format as the database has it, if it does
 * @throws CinderError where an image leads out of the volume (another file as backing or data file)
 */
export function assembleChain(found: Found, volume: Volume, knownFormat?: ImageFormat): VolumeChain {
  const active = found.info?.active ?? found.base;
  const images: Image[] = [];
  let missing: string | null = null;
  let above: Image | undefined;
  for (let name: string | null = active; name !== null;) {
    if (images.some((image) => image.name === name)) throw invalidBacking(name, name);
    const facts: ImageFacts | null | undefined = found.seen[name];
    if (facts === undefined) throw foreignActive(found.base, name);
    if (facts === null) {
      missing = name;
      break;
    }
    above = imageOf(facts, found.base, volume, above?.facts.header?.backingFormat ?? knownFormat ?? null);
    images.push(above);
    name = above.backing;
  }
  return { ...found, active, images, missing };
}

/** An image that stands by itself in `seen`. */
export function imageOf(facts: ImageFacts, base: string, volume: Volume, format: string | null): Image {
  const header = facts.header;
  if (facts.name === base) return baseImage(facts, volume, format);
  if (header === null) throw refuse(`${facts.name} is no qcow2 image`);
  checkHeader(facts, volume);
  const backing = header.backingFile === null ? null : backingName(header.backingFile, base);
  if (backing === undefined) throw invalidBacking(facts.name, header.backingFile ?? '');
  return { name: facts.name, format: 'qcow2', virtualBytes: header.virtualSize, backing, isLuks: false, facts };
}

function baseImage(facts: ImageFacts, volume: Volume, format: string | null): Image {
  const { name, header, luksDataAt, bytes } = facts;
  const plain = { name, backing: null, isLuks: false, facts } as const;
  if (volume.encryption_key_id !== null && header === null) {
    if (luksDataAt === null) throw refuse(`the volume is encrypted, and ${name} is not`);
    return { ...plain, format: 'raw', virtualBytes: bytes - luksDataAt, isLuks: true };
  }
  if (header === null || !isQcow2(facts, volume, format)) return { ...plain, format: 'raw', virtualBytes: bytes };
  checkHeader(facts, volume);
  if (header.backingFile !== null) throw invalidBacking(name, header.backingFile);
  return { ...plain, format: 'qcow2', virtualBytes: header.virtualSize };
}

/**
 * Whether a base file that begins like qcow2 is one. The guest of a raw volume can write such a beginning; believing
 * it would hand the guest whatever file the header names. What the overlay above or the database says decides. Where
 * nobody says anything: a raw volume has exactly its size, which no qcow2 file of that virtual size has when it is new.
 * An encrypted volume's guest writes no byte of the file as it is, and Python notes it as raw, whatever it is.
 */
function isQcow2(facts: ImageFacts, volume: Volume, format: string | null): boolean {
  if (volume.encryption_key_id !== null) return true;
  if (format !== null) return format === 'qcow2';
  const exact = facts.bytes > 0 && facts.bytes % gib === 0 && facts.bytes === (volume.size ?? 0) * gib;
  if (exact) throw refuse(`${facts.name} may be a raw image with a qcow2 header that its user wrote`);
  return true;
}

function checkHeader({ name, header }: ImageFacts, { encryption_key_id: key }: Volume): void {
  if (header?.hasDataFile === true) throw refuse(`${name} keeps its data in another file`);
  const encryption = header?.encryption ?? null;
  if (key === null && encryption !== null) throw refuse(`${name} is encrypted, and the volume is not`);
  if (key !== null && encryption !== 'luks') throw refuse(`the volume is encrypted, and ${name} is not, not by LUKS`);
  if (header?.corrupt === true) throw refuse(`${name} is marked as corrupt; see qemu-img check`);
}

/** The chain, if it is whole. @throws CinderError naming the file that is not there */
export function wholeChain(chain: VolumeChain): readonly [Image, ...Image[]] {
  const [top, ...rest] = chain.images;
  if (chain.missing !== null || top === undefined) {
    throw refuse(`the file ${chain.missing ?? chain.active} of the chain is missing`);
  }
  return [top, ...rest];
}

export function infoOf(chain: VolumeChain): SnapshotInfo {
  return chain.info ?? { active: chain.active, snapshots: new Map() };
}

function foreignActive(base: string, name: string): CinderError {
  return refuse(`${infoFile(base)} leads to ${name}, which is no file of this volume`);
}

function invalidBacking(path: string, backing_file: string): CinderError {
  return new CinderError('RemoteFSInvalidBackingFile', { path, backing_file }, { outcome: 'not-started' });
}

function refuse(message: string): CinderError {
  return new CinderError('RemoteFSException', {}, { message: `Refused: ${message}.`, outcome: 'not-started' });
}
