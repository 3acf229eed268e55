import { lockNames } from '../coordination/lock-names.ts';
import type { LockName } from '../coordination/lock-names.ts';
import type { Repositories } from '../db/database.ts';
import { now } from '../db/ports/resources.ts';
import type { Changes } from '../db/ports/resources.ts';
import { CinderError, toCinderError } from '../domain/exceptions.ts';
import { migratedFrom } from '../domain/migration.ts';
import type { Volume } from '../domain/rows.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { glanceValues, makeFromImage } from './image-volume.ts';
import type { FromImage, ImageSource } from './image-volume.ts';
import type { Backend, OperationPorts, Scope } from './operation.ts';
import { bootSource } from './operations/volume-source.ts';
import type { VolumeSource } from './operations/volume-source.ts';
import type { RowLooks } from './row-looks.ts';
import { changed, mergeAdminMetadata, moveVolume, splitUpdate } from './row-moves.ts';
import { volumeLocks } from './volume-locks.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/*
 * How a volume comes to be, on the backend and in its row: for create_volume, and for a group that is made from another.
 */

export interface MadeVolume {
  readonly volume: Volume;
  readonly source: VolumeSource;
  readonly update: VolumeModelUpdate;
  /** Where its source is an image. */
  readonly from?: FromImage;
}

/** For whoever reads the volume's source. They come from the row, not from the request, which may say something else. */
export async function sourceLocks(
  volume: Volume | null,
  backend: Backend,
  rows: RowLooks,
): Promise<readonly LockName[]> {
  const { snapshot_id: snapshotId, source_volid: sourceId } = volume ?? { snapshot_id: null, source_volid: null };
  if (snapshotId !== null) return snapshotLocks(snapshotId, backend, rows);
  return sourceId === null ? [] : volumeLocks(sourceId, backend);
}

/** For whoever reads a snapshot: it stays, and so does the chain of its volume. */
export async function snapshotLocks(id: string, backend: Backend, rows: RowLooks): Promise<readonly LockName[]> {
  const chain = (await rows.snapshot(id))?.volume_id;
  return [lockNames.deleteSnapshot(id), ...(chain === undefined ? [] : backend.driver.locksForVolume(chain))];
}

/**
 * Chooses a share and writes it into the row: only then may a file exist. A place that the row has is kept. The row as
 * it is afterwards.
 */
export async function place(volume: Volume, scope: Scope, ports: OperationPorts): Promise<Volume> {
  if (placeOf(volume, ports.backend) !== null) return volume;
  const placed = { provider_location: await chooseLocation(volume, scope, ports) };
  const expected = { status: volume.status, host: volume.host, provider_location: volume.provider_location };
  if ((await scope.saveVolume(volume.id, placed, expected)) === 0) {
    throw changed(volume);
  }
  return { ...volume, ...placed };
}

/**
 * Where the volume's file is or will be; null: nowhere yet. Python copies the place of a volume that migrates into the
 * target's row, where it says nothing unless both backends have that share.
 */
export function placeOf(volume: Volume, { driver }: Backend): string | null {
  const { provider_location: location } = volume;
  if (location === null || migratedFrom(volume) === null) return location;
  return driver.locations().includes(location) ? location : null;
}

async function chooseLocation(
  volume: Volume,
  { work }: Scope,
  { provisioned, backend }: OperationPorts,
): Promise<string> {
  const sizeGb = volume.size ?? 0;
  const request = { volume, sizeGb, provisioned: await provisioned.byLocation(backend.driver.locations()) };
  const { provider_location } = await backend.driver.place(request, work);
  await provisioned.placed(provider_location, sizeGb);
  return provider_location;
}

/** The volume's file at its place; a complete one is success. */
export async function make(
  volume: Volume,
  source: VolumeSource,
  scope: Scope,
  ports: OperationPorts,
): Promise<MadeVolume> {
  if (source.kind === 'image') return { volume, source, ...(await makeFromImage(volume, source, scope, ports)) };
  return { volume, source, update: await makeHere(volume, source, scope, ports) };
}

function makeHere(
  volume: Volume,
  source: Exclude<VolumeSource, ImageSource>,
  { work }: Scope,
  { backend }: OperationPorts,
): Promise<VolumeModelUpdate> {
  if (source.kind === 'empty') return backend.driver.create(volume, work);
  const { clone } = backend.driver;
  if (clone === undefined) throw new CinderError('NotSupportedOperation', { operation: `create from ${source.kind}` });
  return clone.create(volume, source, work);
}

/**
 * The row of a volume whose file is complete, inside a transaction of the caller: `available`, with what it inherits of
 * a source that can be booted from.
 */
export async function finishVolume(
  db: Repositories,
  row: Volume,
  made: MadeVolume,
  backend: Backend,
  more: Changes<Volume> = {},
): Promise<void> {
  const boot = bootSource(made.source);
  await moveVolume(db, row, 'available', {
    ...splitUpdate(made.update).columns,
    ...((boot !== null || made.from !== undefined) && { bootable: true }),
    launched_at: now,
    shared_targets: backend.driver.info.sharedTargets,
    service_uuid: backend.service.uuid,
    ...more,
  });
  await mergeAdminMetadata(db, row.id, made.update);
  if (boot !== null) await db.glanceMetadata.copy(boot.owner, { volumeId: row.id });
  if (made.from !== undefined) await db.glanceMetadata.replace({ volumeId: row.id }, glanceValues(made.from.image));
}

/** Whether nothing of the volume is on a share (any more). Only an error of unknown outcome is passed on. */
export async function isRemoved(row: Volume, { work, log }: Scope, { backend }: OperationPorts): Promise<boolean> {
  if (placeOf(row, backend) === null) return true;
  if (!backend.ready()) return false;
  try {
    await backend.driver.remove(row, work);
    return true;
  } catch (thrown) {
    if (isUnknownOutcome(thrown)) throw thrown;
    log.warn({ err: toCinderError(thrown) }, 'what was made of the volume stays until it is deleted');
    return false;
  }
}
