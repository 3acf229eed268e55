import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { LockName } from '../../coordination/lock-names.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { CloneSource } from '../../drivers/volume-driver.ts';
import type { GlanceOwner } from '../../db/ports/resources.ts';
import type { Backend } from '../operation.ts';
import { keptImage, keptVolumeId, mayUseCache } from '../image-cache.ts';
import type { ImageSource } from '../image-volume.ts';
import type { OperationPorts } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { volumeLocks } from '../volume-locks.ts';

const Text = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/**
 * Of the scheduler's request only what the row does not say: whether the content comes from an image or a backup.
 * `null`: the sender (a migration) says that there is none. Left out: nobody knows, as when a row was found without a
 * message.
 */
export const RequestSpec = Type.Optional(
  Type.Union([Type.Null(), Type.Object({ image_id: Text, backup_id: Text }, { additionalProperties: true })]),
);

type Spec = Static<typeof RequestSpec> | undefined;

export type VolumeSource = { readonly kind: 'empty' } | CloneSource | ImageSource;

/** Where the new volume's content comes from; `refusal` where it cannot come. */
export async function sourceOf(
  volume: Volume,
  spec: Spec,
  ports: OperationPorts,
  rows: RowLooks,
): Promise<VolumeSource | { readonly refusal: CinderError }> {
  const { backend } = ports;
  if (volume.snapshot_id !== null) return fromSnapshot(volume.snapshot_id, backend, rows);
  if (volume.source_volid !== null) return fromVolume(volume.source_volid, backend, rows);
  if (typeof spec?.image_id === 'string') return fromImage(volume, spec.image_id, ports, rows);
  const refusal = specRefusal(spec);
  return refusal === null ? { kind: 'empty' } : { refusal };
}

/** What the new volume inherits if its source can be booted from. */
export function bootSource(source: VolumeSource): { readonly owner: GlanceOwner } | null {
  if (source.kind === 'empty' || source.kind === 'image' || !source.volume.bootable) return null;
  return { owner: source.kind === 'snapshot' ? { snapshotId: source.snapshot.id } : { volumeId: source.volume.id } };
}

/** The snapshot as a source; `refusal` where it is gone, or out of this backend's reach. */
export async function fromSnapshot(
  id: string,
  backend: Backend,
  rows: RowLooks,
): Promise<CloneSource | { readonly refusal: CinderError }> {
  const snapshot = await rows.snapshot(id);
  if (snapshot === null) return { refusal: new CinderError('SnapshotNotFound', { snapshot_id: id }) };
  const volume = await rows.volume(snapshot.volume_id);
  if (volume === null) return { refusal: new CinderError('VolumeNotFound', { volume_id: snapshot.volume_id }) };
  return foreign(volume, backend) ?? { kind: 'snapshot', snapshot, volume };
}

async function fromVolume(
  id: string,
  backend: Backend,
  rows: RowLooks,
): Promise<CloneSource | { readonly refusal: CinderError }> {
  const volume = await rows.volume(id);
  if (volume === null) return { refusal: new CinderError('VolumeNotFound', { volume_id: id }) };
  return foreign(volume, backend) ?? { kind: 'volume', volume };
}

/** An id becomes a part of URLs, of a lock's name and of file names. */
const imageIdPattern = /^[0-9a-fA-F-]{36}$/;

async function fromImage(
  volume: Volume,
  imageId: string,
  ports: OperationPorts,
  rows: RowLooks,
): Promise<ImageSource | { readonly refusal: CinderError }> {
  const refuse = (reason: string): { readonly refusal: CinderError } => ({
    refusal: new CinderError('ImageUnacceptable', { image_id: imageId, reason }),
  });
  if (!imageIdPattern.test(imageId)) return refuse('its id is no uuid');
  return { kind: 'image', imageId, kept: mayUseCache(ports, volume) ? await keptImage(volume, imageId, rows) : null };
}

/**
 * With the cache: of a kept image the locks of its volume, from which is cloned; else the image's own, under which it is
 * kept, and those of the volume that will keep it.
 */
export async function imageLocks(
  volume: Volume | null,
  spec: Spec,
  ports: OperationPorts,
  rows: RowLooks,
): Promise<readonly LockName[]> {
  const imageId = spec?.image_id;
  if (volume === null || typeof imageId !== 'string' || !imageIdPattern.test(imageId)) return [];
  const hasSource = volume.snapshot_id !== null || volume.source_volid !== null;
  if (hasSource || !mayUseCache(ports, volume)) return [];
  const kept = await keptImage(volume, imageId, rows);
  if (kept !== null) return volumeLocks(kept.volume.id, ports.backend);
  return [lockNames.image(imageId), ...ports.backend.driver.locksForVolume(keptVolumeId(volume.id, imageId))];
}

/** A source on another backend is out of this driver's reach; the scheduler may choose better. */
function foreign(source: Volume, backend: Backend): { readonly refusal: CinderError } | null {
  if (liesOn(backend, source)) return null;
  const reason = `source ${source.id} does not lie on ${backend.workOf}`;
  return { refusal: new CinderError('InvalidVolume', { reason }) };
}

/** `ImageCopyFailure`, because no other backend of ours would do better: it is never rescheduled. */
function specRefusal(spec: Spec): CinderError | null {
  const refuse = (reason: string): CinderError => new CinderError('ImageCopyFailure', { reason });
  if (spec === undefined) return refuse('the request that told the source of the volume is lost');
  if (typeof spec?.backup_id === 'string') return refuse('volumes from backups are not supported by this service');
  return null;
}
