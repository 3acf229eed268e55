import type { Repositories } from '../db/database.ts';
import { attachStateOf, keepsStatus } from '../domain/attach-status.ts';
import { CinderError } from '../domain/exceptions.ts';
import type { Volume, VolumeAttachment } from '../domain/rows.ts';

/*
 * What attaching and detaching write. API and Nova change the same rows without our locks, so everything here is one
 * transaction of the caller that has locked the volume's row first, as upstream's own detaching does.
 */

/** The mode in which the volume is attached; gone with the attachment. */
export const attachedMode = 'attached_mode';

/** @throws CinderError VolumeNotFound */
export async function lockVolume(db: Repositories, volume_id: string): Promise<Volume> {
  const volume = await db.volumes.lock(volume_id);
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id });
  return volume;
}

/** @throws CinderError VolumeAttachmentNotFound */
export async function attachmentOf(
  db: Pick<Repositories, 'attachments'>,
  id: string,
  volumeId: string,
): Promise<VolumeAttachment> {
  const attachment = await db.attachments.get(id);
  if (attachment?.volume_id === volumeId) return attachment;
  throw new CinderError('VolumeAttachmentNotFound', { filter: `attachment_id = ${id}` });
}

/** Ends the attachment, if there is (still) one; the others decide what the volume is then. */
export async function finishDetach(
  db: Repositories,
  volume: Volume,
  attachment: VolumeAttachment | null,
): Promise<Volume> {
  if (attachment !== null) await db.attachments.destroy(attachment.id);
  const state = attachStateOf(await db.attachments.ofVolume(volume.id));
  const { attach_status } = state;
  const changes = keepsStatus(volume, state) ? { attach_status } : state;
  await db.volumes.update(volume.id, changes);
  await db.volumes.mergeMetadata(volume.id, 'admin_metadata', { [attachedMode]: null });
  return { ...volume, ...changes };
}
