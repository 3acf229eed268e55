import { ImageFault, withImageBytes, type ImageBytes } from './image-bytes.ts';

/** LUKS 1 (cryptsetup: docs/on-disk-format.pdf), the only version that qemu opens. */
const headerBytes = 592;
const [versionAt, dataAt, digestIterationsAt] = [6, 104, 164];
const slots = { at: 208, bytes: 48, count: 8, active: 0x00ac71f3 } as const;
/** Minutes of computing. Who made the image chose the number; a machine of today tries ten million in two seconds. */
const mostIterations = 2 ** 28;

/**
 * Whether a file is LUKS as a whole, and can be opened with a key without computing for ever.
 *
 * @throws ImageFault
 */
export function inspectLuks(path: string): Promise<void> {
  return withImageBytes(path, checkLuks);
}

async function checkLuks(image: ImageBytes): Promise<void> {
  if (image.length < headerBytes) throw new ImageFault('it is said to be encrypted, and has no LUKS header');
  const header = await image.read(0, headerBytes);
  if (header.toString('latin1', 0, 6) !== 'LUKS\xba\xbe')
    throw new ImageFault('it is said to be encrypted, and has no LUKS header');
  const version = header.readUInt16BE(versionAt);
  if (version !== 1) throw new ImageFault(`it is encrypted by LUKS ${version}; only version 1 can be read`);
  if (header.readUInt32BE(dataAt) * 512 > image.length) throw new ImageFault('its LUKS header leads beyond its end');
  const starts = Array.from({ length: slots.count }, (_, index) => slots.at + index * slots.bytes);
  const used = starts.filter((at) => header.readUInt32BE(at) === slots.active).map((at) => at + 4);
  for (const at of [digestIterationsAt, ...used]) {
    if (header.readUInt32BE(at) > mostIterations) throw new ImageFault('its LUKS header asks for too much computing');
  }
}
