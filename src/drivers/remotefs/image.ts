import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { DriverWork, ImageAbility, InspectedImage, VolumeModelUpdate } from '../volume-driver.ts';
import { sizeBytes } from './create-volume.ts';
import type { NewImage, OpenImage } from '../qemu-secrets.ts';
import { formatOf, newImage, passphraseOf, reopened } from './encryption.ts';
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
  const bytes = sizeBytes(volume);
  if (image.virtualBytes > bytes) throw refuse(`the image has ${image.virtualBytes} bytes, the volume ${bytes}`);
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.lookIdle();
  requireSingleFile(chain);
  await requireKnownSnapshots(chain, volume, work);
  await folder.withTemps(() => convertInto(parts, folder, image, bytes, chain));
  return { adminMetadata: { format: formatOf(volume, parts.format) } };
}

async function convertInto(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  image: InspectedImage,
  bytes: number,
  { base, seen }: VolumeChain,
): Promise<void> {
  const { volume, work } = folder;
  const format = formatOf(volume, parts.format);
  const temp = folder.temp('image');
  const to = await newImage(volume, { path: temp.path, format }, work);
  await parts.qemu.convert(await imageToOpen(image, volume, work), to, work);
  if (format === 'qcow2' && image.virtualBytes < bytes) await parts.qemu.resize(reopened(to), bytes, work);
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

/** The API has given the volume a copy of an encrypted image's key. */
async function imageToOpen({ path, format }: InspectedImage, volume: Volume, work: DriverWork): Promise<OpenImage> {
  if (format !== 'luks') return { path, format };
  const passphrase = await passphraseOf(volume, work);
  if (passphrase === undefined) throw refuse(`the image is encrypted, and volume ${volume.id} is not`);
  return { path, format, passphrase };
}

async function readImage(
  parts: RemoteFsParts,
  volume: Volume,
  to: Parameters<ImageAbility['read']>[1],
  work: DriverWork,
): Promise<void> {
  const folder = await openFolder(parts, volume, work);
  const inUse = volume.attach_status === 'attached';
  const chain = await (inUse ? folder.look() : folder.lookIdle());
  await requireKnownSnapshots(chain, volume, work);
  const images = wholeChain(chain);
  const [top] = images;
  // The guest changes a qcow2 image's tables while they are read; of a raw one only the data move.
  if (inUse && top.format !== 'raw') throw refuse(`${top.name} is in use, and only raw images can be read then`);
  const from = await folder.open(images);
  const image = await imageToMake(volume, to, work);
  const convert = (): Promise<void> => parts.qemu.convert(from, image, work, { compress: to.compress, inUse });
  await (inUse ? convert() : folder.whileBusy(convert));
}

/** What an encrypted volume is uploaded as: what a block device would hold, which is LUKS as a whole. */
function imageToMake(volume: Volume, to: Parameters<ImageAbility['read']>[1], work: DriverWork): Promise<NewImage> {
  const { path, format } = to;
  if (volume.encryption_key_id === null) return Promise.resolve({ path, format });
  if (format !== 'raw') throw refuse(`volume ${volume.id} is encrypted, and can be uploaded as raw only`);
  return newImage(volume, { path, format: 'luks' }, work);
}

function refuse(why: string): CinderError {
  const message = `Refused: ${why}.`;
  return new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
