import type { Repositories } from '../db/database.ts';
import { CinderError } from '../domain/exceptions.ts';
import type { Group, Volume } from '../domain/rows.ts';
import { snapshotsOf, volumesOf } from './group-members.ts';
import type { RowLooks } from './row-looks.ts';

/** A member of the source group or group snapshot. */
interface Part {
  readonly id: string;
  readonly status: string | null;
}

/**
 * What rules out that the group is made of the group snapshot or the group that its row names: the source is gone, one
 * of its members is not `available`, or the new volumes do not stand one to one for them. Null: nothing does.
 */
export async function sourceRefusal(
  group: Group,
  volumes: readonly Volume[],
  db: Repositories,
  rows: RowLooks,
): Promise<CinderError | null> {
  const parts = await partsOf(group, db, rows);
  if (parts instanceof CinderError) return parts;
  const unfit = parts.find(({ status }) => status !== 'available');
  if (unfit !== undefined) {
    const reason = `its source ${unfit.id} is ${String(unfit.status)}, not available`;
    return new CinderError('InvalidGroup', { reason });
  }
  const wanted = new Set(volumes.map(({ snapshot_id, source_volid }) => snapshot_id ?? source_volid));
  const isOneToOne = volumes.length === parts.length && parts.every(({ id }) => wanted.has(id));
  if (isOneToOne && volumes.length > 0) return null;
  const reason = 'the volumes of the group do not stand one to one for the members of its source';
  return new CinderError('InvalidInput', { reason });
}

async function partsOf(group: Group, db: Repositories, rows: RowLooks): Promise<readonly Part[] | CinderError> {
  const { group_snapshot_id: snapshotId, source_group_id: sourceId } = group;
  if (snapshotId !== null) {
    if ((await db.groupSnapshots.get(snapshotId)) !== null) return snapshotsOf(snapshotId, db, rows);
    return new CinderError('GroupSnapshotNotFound', { group_snapshot_id: snapshotId });
  }
  if (sourceId === null) return new CinderError('InvalidInput', { reason: 'the group names no source' });
  if ((await db.groups.get(sourceId)) !== null) return volumesOf(sourceId, db, rows);
  return new CinderError('GroupNotFound', { group_id: sourceId });
}
