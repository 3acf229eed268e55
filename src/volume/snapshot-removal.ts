import type { OutboxMessage } from '../db/ports/custody.ts';
import type { Repositories } from '../db/database.ts';
import type { RequestContext } from '../domain/context.ts';
import { isCinder } from '../domain/exceptions.ts';
import type { CinderError } from '../domain/exceptions.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { snapshotEvents } from './notifications.ts';
import type { OperationPorts } from './operation.ts';
import { snapshotRelease } from './quota-deltas.ts';
import { mergeAdminMetadata, moveSnapshot } from './settling.ts';
import { failureMessage } from './user-messages.ts';

/*
 * The end of a snapshot's row, as delete_snapshot and a volume's cascading deletion write it. Each function runs inside
 * a transaction of its caller.
 */

export interface RemovedSnapshot {
  readonly snapshot: Snapshot;
  /** Its volume's type, by name. */
  readonly typeName: string | null;
  readonly update: VolumeModelUpdate;
}

/**
 * The row, its glance metadata and its share of the quota go together. A row that is gone already (its own statement
 * says so, and holds the row until the commit) gives nothing back a second time.
 */
export async function releaseSnapshot(
  db: Repositories,
  { snapshot, typeName, update }: RemovedSnapshot,
  settings: OperationPorts['settings'],
): Promise<void> {
  if ((await db.snapshots.update(snapshot.id, { status: 'deleting' })) === 0) return;
  const deltas = snapshotRelease(snapshot, typeName, settings.noSnapshotGbQuota);
  if (snapshot.project_id !== null && Object.keys(deltas).length > 0) {
    await db.quotas.adjust(snapshot.project_id, deltas);
  }
  await mergeAdminMetadata(db, snapshot.volume_id, update);
  await db.glanceMetadata.remove({ snapshotId: snapshot.id });
  await db.snapshots.destroy(snapshot.id);
}

/** The status and the user message of a removal that is known to have failed: `available` where it was only busy. */
export async function failSnapshotRemoval(
  db: Repositories,
  snapshot: Snapshot,
  error: CinderError,
  context: RequestContext,
  settings: OperationPorts['settings'],
): Promise<void> {
  await moveSnapshot(db, snapshot, isCinder(error, 'SnapshotIsBusy') ? 'available' : 'error_deleting');
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
