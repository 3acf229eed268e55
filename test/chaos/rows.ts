import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { blockLength } from '../../src/check/guest-block.ts';
import type { Drive } from '../../src/cli/drive/open-drive.ts';
import type { Target } from '../../src/cli/drive/target.ts';
import type { Snapshot, Volume, VolumeType } from '../../src/domain/rows.ts';
import { cluster, leaving } from './configuration.ts';
import type { Content } from './guest.ts';

/** In whose name rows are made, and where and of which type what they are of is to be. */
export interface Where {
  readonly drive: Drive;
  readonly target: Target;
  readonly type: VolumeType;
}

const gib = 2 ** 30;

/** Where a volume lies that is to leave. */
export const there = { host: `r1@${leaving}#${leaving}`, cluster_name: `${cluster}@${leaving}#${leaving}` };

/** A row as the API writes it before it asks, with what it charges. */
export async function volumeRow(where: Where, changes: Partial<Volume>): Promise<string> {
  const { drive, target, type } = where;
  const { id = randomUUID() } = changes;
  const { projectId: project_id, userId: user_id } = drive.owner;
  const place = { host: target.host, cluster_name: target.clusterName, availability_zone: target.availabilityZone };
  const owned = { project_id, user_id, volume_type_id: type.id, use_quota: true, attach_status: 'detached' };
  await drive.db.volumes.create({ status: 'creating', size: 1, ...owned, ...place, ...changes, id });
  await charge(where, { volumes: 1, gigabytes: changes.size ?? 1 });
  return id;
}

export async function snapshotRow(where: Where, volumeId: string, changes: Partial<Snapshot>): Promise<string> {
  const { drive, type } = where;
  const id = randomUUID();
  const { projectId: project_id, userId: user_id } = drive.owner;
  const owned = { project_id, user_id, volume_type_id: type.id, use_quota: true, volume_size: 1 };
  await drive.db.snapshots.create({ id, volume_id: volumeId, status: 'creating', ...owned, ...changes });
  await charge(where, { snapshots: 1, gigabytes: changes.volume_size ?? 1 });
  return id;
}

/** Counts for the project and for its use of the type. */
export async function charge({ drive, type }: Where, deltas: Readonly<Record<string, number>>): Promise<void> {
  const ofType = Object.entries(deltas).map(([name, delta]) => [`${name}_${type.name ?? ''}`, delta] as const);
  await drive.db.quotas.adjust(drive.owner.projectId, { ...deltas, ...Object.fromEntries(ofType) });
}

/** A volume with data on the share of the backend that it is to leave, as one of the Python service's would be. */
export async function leavingVolume(
  where: Where,
  share: string,
  content: Content,
  changes: Partial<Volume> = {},
): Promise<string> {
  const own = { status: 'available', previous_status: 'available', provider_location: `demo:${share}` };
  const id = await volumeRow(where, { ...own, ...there, ...changes });
  const file = await open(join(share, `volume-${id}`), 'w');
  try {
    await file.truncate(gib);
    for (const [offset, byte] of content) await file.write(Buffer.alloc(blockLength, byte), 0, blockLength, offset);
  } finally {
    await file.close();
  }
  return id;
}
