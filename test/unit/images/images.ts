/** Images made by hand, sound and hostile ones. */

export function raw(length = 8192): Buffer {
  return Buffer.alloc(length);
}

/** A copy with `text`, one byte for each character, at an offset. */
export function put(image: Buffer, at: number, text: string): Buffer {
  const copy = Buffer.from(image);
  copy.write(text, at, 'latin1');
  return copy;
}

export interface Qcow2 {
  readonly version?: number;
  readonly size?: bigint;
  readonly features?: bigint;
  readonly backingFile?: string;
  readonly dataFile?: string;
  readonly encrypted?: boolean;
}

export function qcow2({
  version = 3,
  size = 1n << 20n,
  features = 0n,
  backingFile,
  dataFile,
  encrypted = false,
}: Qcow2 = {}): Buffer {
  const image = Buffer.alloc(8192);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(version, 4);
  image.writeUInt32BE(16, 20);
  image.writeBigUInt64BE(size, 24);
  image.writeUInt32BE(encrypted ? 1 : 0, 32);
  let at = 72;
  if (version === 3) {
    image.writeBigUInt64BE(features, 72);
    image.writeUInt32BE(104, 100);
    at = 104;
  }
  if (dataFile !== undefined) {
    image.writeUInt32BE(0x44415441, at);
    image.writeUInt32BE(dataFile.length, at + 4);
    image.write(dataFile, at + 8);
  }
  if (backingFile !== undefined) {
    image.writeBigUInt64BE(512n, 8);
    image.writeUInt32BE(backingFile.length, 16);
    image.write(backingFile, 512);
  }
  return image;
}

export interface Descriptor {
  readonly type?: string | null;
  readonly parent?: string;
  readonly extents?: readonly string[];
  readonly more?: readonly string[];
}

export function descriptor(given: Descriptor = {}): string {
  const {
    type = 'monolithicSparse',
    parent = 'ffffffff',
    extents = ['RW 20480 SPARSE "disk.vmdk"'],
    more = [],
  } = given;
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=91214084',
    `parentCID=${parent}`,
    ...(type === null ? [] : [`createType="${type}"`]),
    '',
    '# Extent description',
    ...extents,
    '',
    '#DDB',
    'ddb.virtualHWVersion = "4"',
    ...more,
    '',
  ].join('\n');
}

export function vmdk(text: string = descriptor()): Buffer {
  const image = Buffer.alloc(16384);
  image.write('KDMV', 0);
  image.writeUInt32LE(1, 4);
  image.writeBigUInt64LE(20480n, 12);
  image.writeBigUInt64LE(1n, 28);
  image.writeBigUInt64LE(20n, 36);
  image.write(text, 512, 'latin1');
  return image;
}

/** `end`: of fixed size, known by its last sector only. */
export function vhd(type: number, where: 'both' | 'end'): Buffer {
  const image = Buffer.alloc(4096);
  for (const at of where === 'both' ? [0, image.length - 512] : [image.length - 512]) {
    image.write('conectix', at);
    image.writeUInt32BE(type, at + 60);
  }
  return image;
}
