import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { DriverWork, ImageAbility, InspectedImage, VolumeModelUpdate } from '../volume-driver.ts';
import { sizeBytes } from './create-volume.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireKnownSnapshots, requireSingleFile } from './preconditions.ts';
import { wholeChain, type VolumeChain } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

/** Images into volumes and volumes into images. */
export function imageAbility(parts: RemoteFsParts): ImageAbility {
  return {
    format: parts.format,
    write: (volume, image, work) => writeImage(parts, volume, image, work),
    read: (volume, to, work) => readImage(parts, volume, to, work),
  };
}

/**
 * Upstream writes into the volume's file. Here a complete file takes its name, so that a volume never holds half an
 * image, and one whose new image fails keeps its old content.
 */
async function writeImage(
  parts: RemoteFsParts,
  volume: Volume,
  image: InspectedImage,
  work: DriverWork,
): Promise<VolumeModelUpdate> {
  requireUnencrypted(volume);
  const bytes = sizeBytes(volume);
  if (image.virtualBytes > bytes) throw refuse(`the image has ${image.virtualBytes} bytes, the volume ${bytes}`);
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.lookIdle();
  requireSingleFile(chain);
  await requireKnownSnapshots(chain, volume, work);
  await folder.withTemps(() => convertInto(parts, folder, image, bytes, chain));
  return { adminMetadata: { format: parts.format } };
}

async function convertInto(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  image: InspectedImage,
  bytes: number,
  { base, seen }: VolumeChain,
): Promise<void> {
  const { format, qemu } = parts;
  const temp = folder.temp('image');
  await qemu.convert({ path: image.path, format: image.format }, { path: temp.path, format }, folder.work);
  if (format === 'qcow2' && image.virtualBytes < bytes) await qemu.resize(temp.path, format, bytes, folder.work);
  const made = await folder.inspectTemp(temp.name);
  const size = format === 'qcow2' ? made?.header?.virtualSize : made?.bytes;
  if (size === undefined || size > bytes || (format === 'qcow2' && size !== bytes)) {
    throw refuse(`the converted image has ${String(size)} bytes, the volume ${bytes}`);
  }
  const old = seen[base] ?? null;
  const owner = old === null ? {} : { owner: { uid: old.uid, gid: old.gid } };
  const growth = format === 'raw' ? { growTo: bytes } : {};
  await folder.commit('volume-file', temp.name, base, { how: old === null ? 'link' : 'rename', ...owner, ...growth });
}

async function readImage(
  parts: RemoteFsParts,
  volume: Volume,
  to: Parameters<ImageAbility['read']>[1],
  work: DriverWork,
): Promise<void> {
  requireUnencrypted(volume);
  const folder = await openFolder(parts, volume, work);
  const inUse = volume.attach_status === 'attached';
  const chain = await (inUse ? folder.look() : folder.lookIdle());
  await requireKnownSnapshots(chain, volume, work);
  const [top] = wholeChain(chain);
  // The guest changes a qcow2 image's tables while they are read; of a raw one only the data move.
  if (inUse && top.format !== 'raw') throw refuse(`${top.name} is in use, and only raw images can be read then`);
  const from = { path: folder.path(top.name), format: top.format };
  const convert = (): Promise<void> => parts.qemu.convert(from, to, work, { compress: to.compress, inUse });
  await (inUse ? convert() : folder.whileBusy(convert));
}

function requireUnencrypted({ encryption_key_id: key, id }: Volume): void {
  if (key !== null) throw refuse(`volume ${id} is encrypted, which is not supported here yet`);
}

function refuse(why: string): CinderError {
  const message = `Refused: ${why}.`;
  return new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
