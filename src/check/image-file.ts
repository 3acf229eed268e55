import { open } from 'node:fs/promises';

/** What an image file says of itself. */
export interface ImageFile {
  readonly format: 'raw' | 'qcow2';
  /** Bytes that a guest would see. */
  readonly virtualSize: number;
  /** As it stands in the header; null: none. */
  readonly backing: string | null;
}

const magic = 0x514649fb;
const headerLength = 32;

/**
 * Reads an image's header. The driver has a reader of its own; who checks the driver's work must not share its
 * mistakes, so this one is apart, and as small as it can be. Only for files that no guest has written to: anything
 * that begins like qcow2 is taken for it.
 */
export async function readImageFile(path: string): Promise<ImageFile> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(headerLength);
    const { bytesRead } = await file.read(header, 0, headerLength, 0);
    if (bytesRead < headerLength || header.readUInt32BE(0) !== magic) {
      return { format: 'raw', virtualSize: (await file.stat()).size, backing: null };
    }
    const nameOffset = Number(header.readBigUInt64BE(8));
    const nameLength = header.readUInt32BE(16);
    const virtualSize = Number(header.readBigUInt64BE(24));
    if (nameOffset === 0) return { format: 'qcow2', virtualSize, backing: null };
    if (nameLength > 1023) throw new Error(`${path}: a backing file name of ${nameLength} bytes`);
    const name = Buffer.alloc(nameLength);
    await file.read(name, 0, nameLength, nameOffset);
    return { format: 'qcow2', virtualSize, backing: name.toString('utf8') };
  } finally {
    await file.close();
  }
}
