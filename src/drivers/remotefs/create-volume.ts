import { CinderError } from '../../domain/exceptions.ts';
import { migratedFrom } from '../../domain/migration.ts';
import type { Volume } from '../../domain/rows.ts';
import type { ImageFormat } from '../qemu-img.ts';
import type { ImageFacts } from '../share/share-protocol.ts';
import type { DriverWork, VolumeModelUpdate } from '../volume-driver.ts';
import { formatOf, newImage } from './encryption.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

/** Makes the volume's file: complete under its name, or not at all. */
export async function createVolume(parts: RemoteFsParts, volume: Volume, work: DriverWork): Promise<VolumeModelUpdate> {
  const folder = await openFolder(parts, volume, work);
  const format = await formatOfNew(parts, volume, work);
  await (format === 'qcow2' ? createQcow2(parts, folder) : createRaw(parts, folder));
  return { adminMetadata: { format } };
}

/**
 * What is migrated here keeps its format: Python copies the bytes of the file as they are, and a guest's bytes in a file
 * that is noted as qcow2 could not be read, or would be believed.
 */
async function formatOfNew(parts: RemoteFsParts, volume: Volume, work: DriverWork): Promise<ImageFormat> {
  if (volume.encryption_key_id !== null) return formatOf(volume, parts.format);
  const source = migratedFrom(volume);
  const noted = source === null ? undefined : (await work.adminMetadataOf?.(source))?.['format'];
  return noted === 'raw' || noted === 'qcow2' ? noted : parts.format;
}

/** One round trip: what older owners left is removed, the file made, written to disk and given its name. */
async function createRaw(parts: RemoteFsParts, folder: VolumeFolder): Promise<void> {
  const { dir, base, volume, work } = folder;
  await work.commitPoint('volume-file');
  const answer = await parts.share.call(
    'createFile',
    {
      ...{ dir, name: base, tag: work.ownerTag, temp: folder.temp('volume').name },
      ...{ bytes: sizeBytes(volume), mode: parts.fileMode(), mayReplace: mayReplace(volume) },
      fill: parts.options.nfsSparsedVolumes ? 'sparse' : 'zeros',
      fresh: parts.mounts.remote,
    },
    work,
    // Zeros take as long as they take; the locks bound it.
    parts.options.nfsSparsedVolumes ? undefined : 24 * 3600_000,
  );
  if (answer.state === 'conflict') throw conflict(folder, answer.bytes);
}

async function createQcow2(parts: RemoteFsParts, folder: VolumeFolder): Promise<void> {
  const bytes = sizeBytes(folder.volume);
  const present = (await folder.look()).seen[folder.base] ?? null;
  if (isComplete(present, folder.volume, bytes)) return;
  if (present !== null && !mayReplace(folder.volume)) throw conflict(folder, present.bytes);
  const temp = folder.temp('volume');
  await folder.withTemps(async () => {
    const image = await newImage(folder.volume, { path: temp.path, format: 'qcow2' }, folder.work);
    await parts.qemu.createQcow2(image, bytes, folder.work);
    await folder.commit('volume-file', temp.name, folder.base, { how: present === null ? 'link' : 'rename' });
  });
}

function isComplete(present: ImageFacts | null, { encryption_key_id: key }: Volume, bytes: number): boolean {
  const header = present?.header ?? null;
  if (header === null || header.virtualSize !== bytes || header.backingFile !== null) return false;
  return header.encryption === (key === null ? null : 'luks');
}

export function sizeBytes(volume: Volume): number {
  if (volume.size === null || volume.size < 1) {
    const reason = `its size is ${volume.size}`;
    throw new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
  }
  return volume.size * gib;
}

/** A volume that has never been available holds nobody's data: what lies there is an interrupted creation's. */
export function mayReplace(volume: Volume): boolean {
  return volume.status === 'creating' || volume.status === 'downloading';
}

export function conflict(folder: VolumeFolder, bytes: number): CinderError {
  const message = `A file ${folder.path(folder.base)} of another size (${bytes} bytes) exists already.`;
  return new CinderError('VolumeDriverException', { message }, { outcome: 'failed' });
}
