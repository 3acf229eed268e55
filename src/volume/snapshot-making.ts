import type { Repositories } from '../db/database.ts';
import { objectIn } from '../domain/json.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { SnapshotUpdate, VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { mergeAdminMetadata, moveSnapshot } from './row-moves.ts';

/**
 * The row of a snapshot that is in its volume's chain, inside a transaction of the caller: for create_snapshot, and for
 * the members of a group snapshot.
 */
export async function finishSnapshot(
  db: Repositories,
  snapshot: Snapshot,
  volume: Volume,
  update: SnapshotUpdate,
): Promise<void> {
  // Read here: the key may have moved to another key manager while the snapshot was made.
  const source = (await db.volumes.get(volume.id)) ?? volume;
  const changes = { ...snapshotColumns(update), progress: '100%', encryption_key_id: source.encryption_key_id };
  await moveSnapshot(db, snapshot, 'available', changes);
  await mergeAdminMetadata(db, volume.id, update);
  if (update.activeFile !== undefined) await reconnect(db, volume.id, update.activeFile);
  if (source.bootable) await db.glanceMetadata.copy({ volumeId: volume.id }, { snapshotId: snapshot.id });
}

/**
 * What Nova was told of the volume's connections names the file that its guest opens: when it starts the guest anew, it
 * must be the new one. Upstream changes the first attachment only.
 */
async function reconnect(db: Repositories, volumeId: string, activeFile: string): Promise<void> {
  for (const { id, connection_info: text } of await db.attachments.ofVolume(volumeId)) {
    const told = objectIn(text);
    if (told === null) continue;
    await db.attachments.update(id, {
      connection_info: JSON.stringify({ ...told, name: activeFile, format: 'qcow2' }),
    });
  }
}

/** Those columns of a driver's answer that a snapshot has. */
export function snapshotColumns(update: VolumeModelUpdate): Partial<Snapshot> {
  const { provider_location, provider_id, provider_auth } = update;
  return {
    ...(provider_location !== undefined && { provider_location }),
    ...(provider_id !== undefined && { provider_id }),
    ...(provider_auth !== undefined && { provider_auth }),
  };
}
