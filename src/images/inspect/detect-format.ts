import type { ImageBytes } from './image-bytes.ts';

/**
 * What an image's own bytes say it is. `raw`: nothing that is known here. `qcow`, `qed`, `vmdk-text`, `cow`, `dmg` and
 * `bochs` are known only to be refused: qemu follows what stands in them.
 */
export type DetectedFormat =
  | 'raw'
  | 'luks'
  | 'iso'
  | 'qcow2'
  | 'qcow'
  | 'qed'
  | 'vmdk'
  | 'vmdk-text'
  | 'vpc'
  | 'vhdx'
  | 'vdi'
  | 'parallels'
  | 'cow'
  | 'dmg'
  | 'bochs';

interface Mark {
  readonly format: DetectedFormat;
  readonly at: number;
  readonly bytes: Buffer;
}

const mark = (format: DetectedFormat, at: number, bytes: string): Mark => ({
  format,
  at,
  bytes: Buffer.from(bytes, 'latin1'),
});

const marks: readonly Mark[] = [
  mark('qed', 0, 'QED\0'),
  mark('vmdk', 0, 'KDMV'),
  mark('vmdk', 0, 'COWD'),
  mark('vpc', 0, 'conectix'),
  mark('vhdx', 0, 'vhdxfile'),
  mark('vdi', 0x40, '\x7f\x10\xda\xbe'),
  mark('luks', 0, 'LUKS\xba\xbe'),
  mark('parallels', 0, 'WithoutFreeSpace'),
  mark('parallels', 0, 'WithouFreSpacExt'),
  mark('cow', 0, 'OOOM'),
  mark('bochs', 0, 'Bochs Virtual HD Image'),
];

/** A text descriptor names its extents, files of this machine among them. qemu skips comments and blanks before it. */
const vmdkText = /^(\s|#[^\n]*\n)*(# Disk DescriptorFile|version=\d)/i;
const isoMark = mark('iso', 0x8001, 'CD001');
/** The trailer of a VHD of fixed size, and of a DMG, is at the end. */
const trailerBytes = 512;

export async function detectFormat(image: ImageBytes): Promise<DetectedFormat> {
  const head = await image.read(0, Math.min(image.length, 4096));
  const atHead = detectHead(head);
  if (atHead !== null) return atHead;
  if (image.length >= trailerBytes) {
    const trailer = await image.read(image.length - trailerBytes, trailerBytes);
    if (trailer.subarray(0, 4).equals(Buffer.from('koly'))) return 'dmg';
  }
  if (image.length < isoMark.at + isoMark.bytes.length) return 'raw';
  const sector = await image.read(isoMark.at, isoMark.bytes.length);
  return sector.equals(isoMark.bytes) ? 'iso' : 'raw';
}

/** Whether a file ends as a VHD of fixed size does. Nothing at its beginning shows that. */
export async function hasVhdTrailer(image: ImageBytes): Promise<boolean> {
  if (image.length < 2 * trailerBytes) return false;
  const trailer = await image.read(image.length - trailerBytes, 8);
  return trailer.toString('latin1') === 'conectix';
}

function detectHead(head: Buffer): DetectedFormat | null {
  if (head.subarray(0, 4).equals(Buffer.from('QFI\xfb', 'latin1'))) {
    return head.length >= 8 && head.readUInt32BE(4) >= 2 ? 'qcow2' : 'qcow';
  }
  const found = marks.find(({ at, bytes }) => head.subarray(at, at + bytes.length).equals(bytes));
  if (found !== undefined) return found.format;
  return vmdkText.test(head.toString('latin1')) ? 'vmdk-text' : null;
}
