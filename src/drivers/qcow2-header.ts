import { AppError } from '../kernel/errors.ts';

/** The facts in a qcow2 file's header (qemu: docs/interop/qcow2.txt) on which chains depend. */
export interface Qcow2Header {
  readonly version: number;
  /** Bytes. */
  readonly virtualSize: number;
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
  /** Its data is in another file: such an image can show any file of the host to its guest. */
  readonly hasDataFile: boolean;
  /** `aes` is qcow's old own, which nobody should use. */
  readonly encryption: 'luks' | 'aes' | 'unknown' | null;
  /** By its own word, or because it cannot be read. */
  readonly corrupt: boolean;
}

/** A file that claims to be qcow2 and is not a sound one. */
export class Qcow2HeaderError extends AppError {
  readonly code = 'QCOW2_HEADER';
}

/** So many bytes hold the header, its extensions and the backing file's name in every image that qemu makes. */
export const qcow2HeaderBytes = 4096;

const magic = 0x514649fb;
const smallestHeader = 72;
const extension = { end: 0, backingFormat: 0xe2792aca, dataFile: 0x44415441 } as const;
const incompatible = { corrupt: 1n << 1n, dataFile: 1n << 2n } as const;

/**
 * Reads the header from a file's first bytes; null where they are not qcow2's.
 *
 * @throws Qcow2HeaderError where it claims to be qcow2 but cannot be read
 */
export function parseQcow2Header(bytes: Buffer): Qcow2Header | null {
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== magic) return null;
  if (bytes.length < smallestHeader) throw new Qcow2HeaderError('the qcow2 header is cut off');
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw new Qcow2HeaderError(`qcow2 version ${version} is not known`);
  const features = version === 3 ? readUInt64(bytes, 72) : 0n;
  const extensions = readExtensions(bytes, version === 3 ? readUInt32(bytes, 100) : smallestHeader);
  return {
    version,
    virtualSize: Number(readUInt64(bytes, 24)),
    backingFile: readBackingFile(bytes),
    backingFormat: extensions.get(extension.backingFormat)?.toString('utf8') ?? null,
    hasDataFile: (features & incompatible.dataFile) !== 0n || extensions.has(extension.dataFile),
    encryption: encryptionOf(readUInt32(bytes, 32)),
    corrupt: (features & incompatible.corrupt) !== 0n,
  };
}

function encryptionOf(method: number): Qcow2Header['encryption'] {
  if (method > 2) return 'unknown';
  return method === 0 ? null : method === 1 ? 'aes' : 'luks';
}

function readBackingFile(bytes: Buffer): string | null {
  const offset = readUInt64(bytes, 8);
  const length = readUInt32(bytes, 16);
  if (offset === 0n) return null;
  if (length > 1023) throw new Qcow2HeaderError(`the backing file's name has ${length} bytes`);
  return slice(bytes, Number(offset), length).toString('utf8');
}

function readExtensions(bytes: Buffer, start: number): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = start;
  while (at + 8 <= bytes.length) {
    const type = bytes.readUInt32BE(at);
    if (type === extension.end) return found;
    const length = bytes.readUInt32BE(at + 4);
    found.set(type, slice(bytes, at + 8, length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return found;
}

function slice(bytes: Buffer, offset: number, length: number): Buffer {
  if (offset + length > bytes.length) throw new Qcow2HeaderError('the qcow2 header reaches beyond what was read');
  return bytes.subarray(offset, offset + length);
}

function readUInt32(bytes: Buffer, offset: number): number {
  return slice(bytes, offset, 4).readUInt32BE(0);
}

function readUInt64(bytes: Buffer, offset: number): bigint {
  return slice(bytes, offset, 8).readBigUInt64BE(0);
}
