import { randomUUID } from 'node:crypto';
import { access, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { derivedUuid } from '../../../src/domain/derived-uuid.ts';
import type { Lane } from './lane.ts';
import { hasStatus, isGone, madeSnapshot, madeVolume, ref, type Prepared, type Scenario } from './makings.ts';
import { snapshotRow, volumeRow } from '../rows.ts';

const gib = 2 ** 30;

/** Taking in what is on the storage, letting go of it, and giving it to a backup. */
export const managedScenarios: readonly Scenario[] = [
  { name: 'manage_existing', prepare: manage },
  { name: 'unmanage_volume', prepare: unmanage },
  { name: 'manage_existing_snapshot', prepare: manageSnapshot },
  { name: 'unmanage_snapshot', prepare: unmanageSnapshot },
  { name: 'delete_managed_snapshot', prepare: deleteManaged },
  { name: 'get_backup_device', prepare: backUpSnapshot },
];

/** A file that an operator puts on the share at the moment of the request: nothing may take it for a left-over. */
async function manage(lane: Lane): Promise<Prepared> {
  const name = `found-${randomUUID()}.raw`;
  const outside = join(lane.share, '..', name);
  await writeFile(outside, '');
  await truncate(outside, gib);
  const id = await volumeRow(lane, { status: 'managing', size: 0 });
  return {
    send: async () => {
      await rename(outside, join(lane.share, name));
      await lane.cast('manage_existing', { volume: ref(id), ref: { 'source-name': name } });
    },
    isDone: () => hasStatus(lane, 'volumes', id, 'available'),
    check: () => lane.guest.checkVolume(id, new Map()),
  };
}

/** Its file stays, with what is in it; whoever let go of it takes it away. */
async function unmanage(lane: Lane): Promise<Prepared> {
  const { id, content } = await madeVolume(lane);
  return {
    send: async () => {
      await lane.drive.db.volumes.update(id, { status: 'unmanaging', previous_status: 'available' });
      await lane.cast('delete_volume', { volume: ref(id), unmanage_only: true, cascade: false });
    },
    isDone: () => isGone(lane, 'volumes', id),
    check: async () => {
      const found = await lane.guest.checkVolume(id, content);
      await rm(join(lane.share, `volume-${id}`), { force: true });
      return found;
    },
  };
}

async function letGo(lane: Lane, id: string): Promise<void> {
  await lane.drive.db.snapshots.update(id, { status: 'unmanaging' });
  await lane.cast('delete_snapshot', { snapshot: ref(id), unmanage_only: true });
}

async function takeIn(lane: Lane, id: string, oldId: string): Promise<void> {
  await lane.cast('manage_existing_snapshot', { snapshot: ref(id), ref: { 'source-id': oldId } });
}

/** Its file is called after the id that it had before. */
async function deleteManaged(lane: Lane): Promise<Prepared> {
  const { id: oldId, volume } = await madeSnapshot(lane, await madeVolume(lane));
  await letGo(lane, oldId);
  await lane.until('a snapshot without row', () => isGone(lane, 'snapshots', oldId));
  const id = await snapshotRow(lane, volume.id, {});
  await takeIn(lane, id, oldId);
  await lane.until('the snapshot once more', () => hasStatus(lane, 'snapshots', id, 'available'));
  return {
    send: () => lane.drive.requests.deleteSnapshot(id),
    isDone: () => isGone(lane, 'snapshots', id),
    check: () => lane.guest.checkVolume(volume.id, volume.content),
  };
}

async function manageSnapshot(lane: Lane): Promise<Prepared> {
  const { id: oldId, before, volume } = await madeSnapshot(lane, await madeVolume(lane));
  await letGo(lane, oldId);
  await lane.until('a snapshot without row', () => isGone(lane, 'snapshots', oldId));
  const id = await snapshotRow(lane, volume.id, {});
  return {
    send: () => takeIn(lane, id, oldId),
    isDone: () => hasStatus(lane, 'snapshots', id, 'available'),
    check: async () => [
      ...(await lane.guest.checkVolume(volume.id, volume.content)),
      ...(await lane.guest.checkSnapshot(id, volume.id, before)),
    ],
  };
}

/** Its data stay in its volume; afterwards it is taken in again, so that the volume can go. */
async function unmanageSnapshot(lane: Lane): Promise<Prepared> {
  const { id, before, volume } = await madeSnapshot(lane, await madeVolume(lane));
  return {
    send: () => letGo(lane, id),
    isDone: () => isGone(lane, 'snapshots', id),
    check: async () => {
      const found = await lane.guest.checkSnapshot(id, volume.id, before);
      const again = await snapshotRow(lane, volume.id, {});
      await takeIn(lane, again, id);
      await lane.until('the snapshot once more', () => hasStatus(lane, 'snapshots', again, 'available'));
      return [...found, ...(await lane.guest.checkVolume(volume.id, volume.content))];
    },
  };
}

/** A temporary volume is made of the snapshot, once; the backup service, which is played here, deletes it. */
async function backUpSnapshot(lane: Lane): Promise<Prepared> {
  const { id: snapshot, before, volume } = await madeSnapshot(lane, await madeVolume(lane));
  const { projectId, userId } = lane.drive.owner;
  const id = randomUUID();
  const temporary = derivedUuid(`temporary volume of backup ${id}`);
  const columns = 'id, volume_id, snapshot_id, status, size, project_id, user_id, host, deleted';
  const values = [id, volume.id, snapshot, 'creating', 1, projectId, userId, 'backup', false];
  await lane.sql(`insert into backups (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, values);
  return {
    send: async () => {
      await lane.drive.db.snapshots.update(snapshot, { status: 'backing-up' });
      await lane.cast('get_backup_device', { backup: ref(id), want_objects: true, async_call: true });
    },
    isDone: async () => ((await lane.drive.db.volumes.get(temporary))?.launched_at ?? null) !== null,
    check: async () => {
      await access(join(lane.share, `volume-${temporary}`));
      const found = await lane.guest.checkVolume(temporary, before);
      await lane.cast('delete_volume', { volume: ref(temporary), unmanage_only: false, cascade: false });
      await lane.until('the end of the temporary volume', () => isGone(lane, 'volumes', temporary));
      await lane.drive.db.snapshots.update(snapshot, { status: 'available' });
      await lane.drive.db.backups.update(id, { status: 'available' });
      return found;
    },
  };
}
