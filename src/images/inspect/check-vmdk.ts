import { ImageFault, type ImageBytes } from './image-bytes.ts';

const sectorBytes = 512;
/** qemu reads no longer descriptor. */
const longestDescriptor = (1 << 20) - 1;
const footerMark = 0xffffffffffffffffn;
/** Extents that stand in the file itself. Others (FLAT, VMFS, …) name a file or a device beside it. */
const sparseExtent = /^(RW|RDONLY|NOACCESS)\s+\d+\s+SPARSE\s+"([^"/\\]*)"\s*$/i;
const extentLine = /^(RW|RDONLY|NOACCESS)\b/i;
/** A comment, a field, an entry of the disk database: what else may stand in a descriptor. */
const harmlessLine = /^(#.*|\w+\s*=.*|ddb\..*|)$/i;

/**
 * A VMDK image in one file with a sparse header, of an allowed subformat (`vmdk_allowed_types`). Its descriptor is a
 * text that names its extents and its parent, which qemu opens: neither may be another file.
 */
export async function checkVmdk(image: ImageBytes, allowedTypes: readonly string[]): Promise<void> {
  if (allowedTypes.length === 0) throw new ImageFault('it is a VMDK image, and vmdk_allowed_types allows none');
  const header = await image.read(0, sectorBytes);
  if (header.toString('latin1', 0, 4) !== 'KDMV') throw new ImageFault('it is a VMDK image of an unknown kind');
  const version = header.readUInt32LE(4);
  if (version < 1 || version > 3) throw new ImageFault(`VMDK version ${version} is not known`);
  // A footer would take the place of the header that is looked at here.
  if (header.readBigUInt64LE(56) === footerMark) throw new ImageFault('a VMDK image may have no footer');
  checkDescriptor(await descriptorOf(image, header), allowedTypes);
}

async function descriptorOf(image: ImageBytes, header: Buffer): Promise<string> {
  const [offset, sectors] = [header.readBigUInt64LE(28), header.readBigUInt64LE(36)];
  if (offset !== 1n || sectors === 0n) throw new ImageFault('the VMDK descriptor is not where it must be');
  if (sectors * BigInt(sectorBytes) > BigInt(longestDescriptor))
    throw new ImageFault('the VMDK descriptor is too long');
  const bytes = await image.read(sectorBytes, Number(sectors) * sectorBytes);
  const end = bytes.indexOf(0);
  const text = bytes.subarray(0, end < 0 ? bytes.length : end);
  if (text.some((byte) => byte > 0x7e || (byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09))) {
    throw new ImageFault('the VMDK descriptor is no text');
  }
  return text.toString('latin1');
}

function checkDescriptor(text: string, allowedTypes: readonly string[]): void {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  if (!lines.every((line) => extentLine.test(line) || harmlessLine.test(line))) {
    throw new ImageFault('the VMDK descriptor has lines that are not understood');
  }
  const types = lines.flatMap((line) => /^createType\s*=\s*"?([^"]*)"?$/i.exec(line)?.[1] ?? []);
  const [type] = types;
  if (type === undefined || types.length > 1) throw new ImageFault('the VMDK descriptor names no createType');
  if (!allowedTypes.includes(type)) throw new ImageFault('its VMDK createType is not in vmdk_allowed_types');
  const parents = lines.flatMap((line) => /^parentCID\s*=\s*(.*)$/i.exec(line)?.[1] ?? []);
  if (parents.some((parent) => parent.toLowerCase() !== 'ffffffff') || /parentFileNameHint/i.test(text)) {
    throw new ImageFault('a VMDK image may have no parent');
  }
  const extents = lines.filter((line) => extentLine.test(line));
  if (extents.length !== 1) throw new ImageFault(`a VMDK image must have one extent, not ${extents.length}`);
  if (!extents.every((line) => sparseExtent.test(line)))
    throw new ImageFault('the extents of a VMDK image may be no other files');
}
