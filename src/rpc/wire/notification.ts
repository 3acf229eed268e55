import type { Json, JsonObject } from '../../domain/json.ts';
import { contextKeys, contextOf } from './envelope.ts';
import { FieldReader } from './fields.ts';

/**
 * A notification as it is published on `<topic>.<priority in lower case>`. The driver `messagingv2` sends its payload
 * in an envelope (`buildBody`), the driver `messaging` bare (`buildBareBody`).
 */
export interface WireNotification {
  /** A uuid with its hyphens. */
  readonly messageId: string;
  /** `<service>.<host>`, as `volume.host@backend#pool`. */
  readonly publisherId: string;
  readonly eventType: string;
  readonly priority: string;
  readonly payload: Json;
  /** `YYYY-MM-DD HH:MM:SS.ffffff`, UTC: `spacedMicros`. */
  readonly timestamp: string;
  readonly uniqueId: string | null;
  readonly context: JsonObject;
}

export function buildNotification(notification: WireNotification): JsonObject {
  return {
    message_id: notification.messageId,
    publisher_id: notification.publisherId,
    event_type: notification.eventType,
    priority: notification.priority,
    payload: notification.payload,
    timestamp: notification.timestamp,
    ...(notification.uniqueId !== null && { _unique_id: notification.uniqueId }),
    ...contextKeys(notification.context),
  };
}

export function parseNotification(payload: JsonObject): WireNotification {
  const reader = new FieldReader('', payload);
  return {
    messageId: reader.text('message_id'),
    publisherId: reader.text('publisher_id'),
    eventType: reader.text('event_type'),
    priority: reader.text('priority'),
    payload: reader.get('payload') ?? null,
    timestamp: reader.text('timestamp'),
    uniqueId: reader.optionalText('_unique_id'),
    context: contextOf(payload),
  };
}

/** The body of a message without an envelope (version 1). */
export function buildBareBody(payload: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(payload), 'utf8');
}
