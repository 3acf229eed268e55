import { randomUUID } from 'node:crypto';
import type { MessageRepository, UserMessage } from '../ports/resources.ts';
import type { Session } from '../session.ts';

export class Messages implements MessageRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async create(message: UserMessage, ttlSeconds: number): Promise<void> {
    const { project_id, request_id, resource_type, resource_uuid, action_id, detail_id } = message;
    const { now, ahead } = this.#session.dialect;
    await this.#session.write(
      `insert into messages (id, created_at, deleted, project_id, request_id, resource_type, resource_uuid, action_id,
         detail_id, event_id, message_level, expires_at)
       values (?, ${now}, false, ?, ?, ?, ?, ?, ?, ?, 'ERROR', ${ahead})`,
      [
        randomUUID(),
        project_id,
        request_id,
        resource_type,
        resource_uuid,
        action_id,
        detail_id,
        `VOLUME_${resource_type}_${action_id}_${detail_id}`,
        ttlSeconds * 1000,
      ],
    );
  }
}
