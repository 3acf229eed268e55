import { parseQcow2Header, qcow2HeaderBytes } from '../../drivers/qcow2-header.ts';
import { messageOf } from '../../kernel/errors.ts';
import { ImageFault, type ImageBytes } from './image-bytes.ts';

/** Dirty, corrupt, external data file, compression type, extended L2 entries: all that qemu knows in 2026. */
const knownFeatures = 0b11111n;
/** Of version 2. */
const smallestHeaderBytes = 72;

/** A qcow2 image that leads to no other file. */
export async function checkQcow2(image: ImageBytes): Promise<void> {
  const head = await image.read(0, Math.min(image.length, qcow2HeaderBytes));
  const header = parse(head);
  // By its offset: a name of no length is a backing file for qemu all the same.
  if (head.readBigUInt64BE(8) !== 0n || header.backingFile !== null)
    throw new ImageFault('a qcow2 image may have no backing file');
  if (header.hasDataFile) throw new ImageFault('a qcow2 image may not keep its data in another file');
  if (header.encryption !== null) throw new ImageFault('the qcow2 image is encrypted');
  if (header.corrupt) throw new ImageFault('the qcow2 image is marked as corrupt; see qemu-img check');
  // Where the header ends beyond what was read, its extensions were not seen.
  const headerBytes = header.version === 3 ? head.readUInt32BE(100) : smallestHeaderBytes;
  if (headerBytes < smallestHeaderBytes || headerBytes > head.length) {
    throw new ImageFault('the length in the qcow2 header is impossible');
  }
  if (header.version === 3 && (head.readBigUInt64BE(72) & ~knownFeatures) !== 0n) {
    throw new ImageFault('the qcow2 image needs features that are not known here');
  }
  if (!Number.isSafeInteger(header.virtualSize)) throw new ImageFault('the size in the qcow2 header is impossible');
}

function parse(head: Buffer): NonNullable<ReturnType<typeof parseQcow2Header>> {
  try {
    const header = parseQcow2Header(head);
    if (header !== null) return header;
  } catch (thrown) {
    throw new ImageFault(messageOf(thrown));
  }
  throw new ImageFault('the qcow2 header is missing');
}
