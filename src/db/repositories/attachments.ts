import type { VolumeAttachment } from '../../domain/rows.ts';
import { compareAndSet, insertRow } from '../compare-and-set.ts';
import { now, type AttachmentRepository, type Changes } from '../ports/resources.ts';
import type { Session } from '../session.ts';

export class Attachments implements AttachmentRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  ofVolume(volumeId: string): Promise<readonly VolumeAttachment[]> {
    return this.#session.read<VolumeAttachment>(
      'select * from volume_attachment where volume_id = ? and deleted = false order by created_at, id',
      [volumeId],
    );
  }

  async get(id: string): Promise<VolumeAttachment | null> {
    const rows = await this.#session.read<VolumeAttachment>(
      'select * from volume_attachment where id = ? and deleted = false',
      [id],
    );
    return rows[0] ?? null;
  }

  create(row: Partial<VolumeAttachment> & Pick<VolumeAttachment, 'id' | 'volume_id'>): Promise<void> {
    return insertRow(this.#session, 'volume_attachment', { created_at: now, deleted: false }, row);
  }

  update(id: string, changes: Changes<VolumeAttachment>): Promise<number> {
    return compareAndSet(this.#session, 'volume_attachment', id, changes);
  }

  destroy(id: string): Promise<number> {
    const gone = { deleted: true, deleted_at: now, detach_time: now, attach_status: 'detached' } as const;
    return compareAndSet(this.#session, 'volume_attachment', id, gone);
  }
}
