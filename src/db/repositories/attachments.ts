import type { VolumeAttachment } from '../../domain/rows.ts';
import type { AttachmentRepository } from '../ports/resources.ts';
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
}
