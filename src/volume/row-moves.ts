import type { Repositories } from '../db/database.ts';
import type { Changes } from '../db/ports/resources.ts';
import type { Group, GroupSnapshot, Snapshot, Volume } from '../domain/rows.ts';
import { assertMove } from '../domain/status.ts';
import type { GroupSnapshotTarget, GroupTarget, SnapshotTarget, VolumeTarget } from '../domain/status.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { AppError } from '../kernel/errors.ts';

/** The entry cannot be ended now: give it back; who runs it next looks anew. */
export class NotSettledError extends AppError {
  readonly code = 'NOT_SETTLED';
  constructor(why: string) {
    super(why, { outcome: 'unknown' });
  }
}

export function changed({ id }: Pick<Volume, 'id'>): NotSettledError {
  return new NotSettledError(`volume ${id} was changed by somebody else`);
}

/**
 * Writes the volume's new status if the row still has the status and the host that `volume` was read with; else throws
 * `NotSettledError`, which rolls the settlement back. `asked`: the status that the request stands for, where that is
 * not the row's (a temporary volume is deleted without becoming `deleting` first).
 */
export async function moveVolume(
  db: Repositories,
  volume: Volume,
  to: VolumeTarget,
  changes: Changes<Volume> = {},
  asked: string | null = volume.status,
): Promise<void> {
  assertMove('Volume', asked, to);
  const expected = { status: volume.status, host: volume.host };
  if ((await db.volumes.update(volume.id, { ...changes, status: to }, expected)) === 0) {
    throw new NotSettledError(`volume ${volume.id} is not ${String(volume.status)} any more`);
  }
}

/** The same for a snapshot. */
export async function moveSnapshot(
  db: Repositories,
  snapshot: Snapshot,
  to: SnapshotTarget,
  changes: Changes<Snapshot> = {},
): Promise<void> {
  assertMove('Snapshot', snapshot.status, to);
  const changed = await db.snapshots.update(snapshot.id, { ...changes, status: to }, { status: snapshot.status });
  if (changed === 0) throw new NotSettledError(`snapshot ${snapshot.id} is not ${String(snapshot.status)} any more`);
}

export async function moveGroup(
  db: Repositories,
  group: Group,
  to: GroupTarget,
  changes: Changes<Group> = {},
): Promise<void> {
  assertMove('Group', group.status, to);
  const changed = await db.groups.update(group.id, { ...changes, status: to }, { status: group.status });
  if (changed === 0) throw new NotSettledError(`group ${group.id} is not ${String(group.status)} any more`);
}

export async function moveGroupSnapshot(
  db: Repositories,
  groupSnapshot: GroupSnapshot,
  to: GroupSnapshotTarget,
): Promise<void> {
  const { id, status } = groupSnapshot;
  assertMove('GroupSnapshot', status, to);
  const changed = await db.groupSnapshots.update(id, { status: to }, { status });
  if (changed === 0) throw new NotSettledError(`group snapshot ${id} is not ${String(status)} any more`);
}

/** A driver's answer, apart: columns of the row, and keys of the volume's admin metadata. */
export function splitUpdate({ adminMetadata = {}, ...columns }: VolumeModelUpdate): {
  readonly columns: Omit<VolumeModelUpdate, 'adminMetadata'>;
  readonly adminMetadata: Readonly<Record<string, string | null>>;
} {
  return { columns, adminMetadata };
}

/** Merges what the driver has to say about the volume; no statement where that is nothing. */
export async function mergeAdminMetadata(db: Repositories, volumeId: string, update: VolumeModelUpdate): Promise<void> {
  const { adminMetadata } = splitUpdate(update);
  if (Object.keys(adminMetadata).length > 0) await db.volumes.mergeMetadata(volumeId, 'admin_metadata', adminMetadata);
}

/** The name of the volume's type, for quota resources; null without one. */
export async function typeNameOf(db: Repositories, volume: Volume): Promise<string | null> {
  return volume.volume_type_id === null ? null : ((await db.volumeTypes.get(volume.volume_type_id))?.name ?? null);
}
