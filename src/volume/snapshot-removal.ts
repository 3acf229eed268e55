import { lockNames } from '../coordination/lock-names.ts';
import type { LockName } from '../coordination/lock-names.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { Repositories } from '../db/database.ts';
import type { RequestContext } from '../domain/context.ts';
import { CinderError, isCinder } from '../domain/exceptions.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import { assertMove } from '../domain/status.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { snapshotEvents } from './notifications.ts';
import type { Backend, OperationPorts, Scope } from './operation.ts';
import { snapshotRelease } from './quota-deltas.ts';
import type { RowLooks } from './row-looks.ts';
import { mergeAdminMetadata, moveSnapshot } from './row-moves.ts';
import { failureMessage } from './user-messages.ts';

/*
 * How a snapshot ends, in its chain and in its row: for delete_snapshot and for a volume's cascading deletion. What takes
 * `db: Repositories` runs inside a transaction of its caller.
 */

/** For whoever takes a snapshot's files out of a volume's chain. */
export async function chainLocks(volumeId: string, backend: Backend, rows: RowLooks): Promise<readonly LockName[]> {
  const snapshots = await rows.snapshotsOf(volumeId);
  return [...snapshots.map(({ id }) => lockNames.deleteSnapshot(id)), ...backend.driver.locksForVolume(volumeId)];
}

/** Takes the snapshot out of its volume's chain; the volume must lie on this backend. */
export async function removeSnapshot(
  snapshot: Snapshot,
  volume: Volume,
  { work }: Scope,
  { backend }: OperationPorts,
): Promise<VolumeModelUpdate> {
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  const { snapshots } = backend.driver;
  if (snapshots === undefined) throw new CinderError('NotSupportedOperation', { operation: 'delete snapshot' });
  return snapshots.remove(snapshot, volume, work);
}

export interface RemovedSnapshot {
  readonly snapshot: Snapshot;
  /** Its volume's type, by name. */
  readonly typeName: string | null;
  readonly update: VolumeModelUpdate;
}

/**
 * The row, its glance metadata and its share of the quota go together. A row that is gone already gives nothing back a
 * second time.
 */
export async function releaseSnapshot(
  db: Repositories,
  { snapshot, typeName, update }: RemovedSnapshot,
  settings: OperationPorts['settings'],
): Promise<void> {
  assertMove('Snapshot', snapshot.status, 'deleted');
  if ((await db.snapshots.destroy(snapshot.id)) === 0) return;
  await mergeAdminMetadata(db, snapshot.volume_id, update);
  await db.glanceMetadata.remove({ snapshotId: snapshot.id });
  const deltas = snapshotRelease(snapshot, typeName, settings.noSnapshotGbQuota);
  if (snapshot.project_id !== null && Object.keys(deltas).length > 0) {
    await db.quotas.adjust(snapshot.project_id, deltas);
  }
}

/** The status and the user message of a removal that is known to have failed: `available` where it was only busy. */
export async function failSnapshotRemoval(
  db: Repositories,
  snapshot: Snapshot,
  error: CinderError,
  context: RequestContext,
  settings: OperationPorts['settings'],
): Promise<void> {
  // Nova may have written it already.
  const now = (await db.snapshots.get(snapshot.id))?.status;
  if (now !== 'error_deleting') {
    await moveSnapshot(db, snapshot, isCinder(error, 'SnapshotIsBusy') ? 'available' : 'error_deleting');
  }
  await db.messages.create(failureMessage('deleteSnapshot', snapshot, context, error), settings.messageTtlSeconds);
}

/** `isGone`: with `delete.end`. */
export function removalEvents(
  ports: OperationPorts,
  context: RequestContext,
  snapshot: Snapshot,
  volume: Volume | null,
  isGone: boolean,
): Promise<readonly OutboxMessage[]> {
  const gone = { ...snapshot, status: 'deleted', deleted: true };
  return snapshotEvents(ports, context, volume, [
    { suffix: 'delete.start', snapshot },
    ...(isGone ? [{ suffix: 'delete.end', snapshot: gone }] : []),
  ]);
}
