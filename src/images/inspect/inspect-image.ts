import { checkQcow2 } from './check-qcow2.ts';
import { checkVhd } from './check-vhd.ts';
import { checkVmdk } from './check-vmdk.ts';
import { detectFormat, hasVhdTrailer, type DetectedFormat } from './detect-format.ts';
import { ImageFault, withImageBytes, type ImageBytes } from './image-bytes.ts';

/** Formats that are taken, as the image service calls them, with qemu's names. */
const qemuNames = {
  raw: 'raw',
  iso: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
  ploop: 'parallels',
} as const;

/** Disks, kernels and ramdisks of Amazon's: raw, or, as upstream also takes them, qcow2. */
const amazonFormats: readonly string[] = ['ami', 'aki', 'ari'];

/** What each claim allows the bytes to look like. A raw image may hold anything that qemu follows nowhere. */
const looksOf: Readonly<Record<string, readonly DetectedFormat[]>> = {
  raw: ['raw', 'iso', 'luks'],
  iso: ['iso', 'raw'],
  qcow2: ['qcow2'],
  vmdk: ['vmdk'],
  vhd: ['vpc', 'raw'],
  vhdx: ['vhdx'],
  vdi: ['vdi'],
  ploop: ['parallels'],
};

/** qemu's name of a format of the image service's; null where there is none. */
export function qemuFormat(diskFormat: string): string | null {
  if (amazonFormats.includes(diskFormat)) return 'raw';
  return Object.hasOwn(qemuNames, diskFormat) ? qemuNames[diskFormat as keyof typeof qemuNames] : null;
}

export interface InspectionRules {
  /** `vmdk_allowed_types`. */
  readonly vmdkAllowedTypes: readonly string[];
}

/**
 * Looks into a file before any program opens it: it must be what its owner claims, and lead to no other file (a
 * backing file, a data file, an extent, a parent), which would show its reader files of this machine.
 *
 * @param claimed the image service's `disk_format`
 * @returns the format for qemu
 * @throws ImageFault
 */
export function inspectImage(path: string, claimed: string, rules: InspectionRules): Promise<string> {
  return withImageBytes(path, async (image) => {
    const found = await detectFormat(image);
    const format = await agreed(image, claimed, found);
    if (format === 'qcow2') await checkQcow2(image);
    if (format === 'vmdk') await checkVmdk(image, rules.vmdkAllowedTypes);
    if (format === 'vpc') await checkVhd(image);
    return format;
  });
}

async function agreed(image: ImageBytes, claimed: string, found: DetectedFormat): Promise<string> {
  if (amazonFormats.includes(claimed)) {
    if (found === 'qcow2') return 'qcow2';
    return requireLook(found, claimed, looksOf['raw'] ?? [], 'raw');
  }
  const format = qemuFormat(claimed);
  if (format === null) throw new ImageFault(`its disk_format "${claimed}" is not supported`);
  const agreedOn = requireLook(found, claimed, looksOf[claimed] ?? [], format);
  if (claimed === 'vhd' && found === 'raw' && !(await hasVhdTrailer(image))) throw mismatch(claimed);
  return agreedOn;
}

function requireLook(found: DetectedFormat, claimed: string, looks: readonly DetectedFormat[], format: string): string {
  if (!looks.includes(found)) throw mismatch(claimed);
  return format;
}

/** What it is instead is not said: that would help who tries. */
function mismatch(claimed: string): ImageFault {
  return new ImageFault(`it is said to be ${claimed}, but its content looks different`);
}
