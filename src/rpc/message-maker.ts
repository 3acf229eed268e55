import { randomUUID } from 'node:crypto';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';
import type { MessageMaker } from './notifier.ts';
import { encodeContext } from './wire/context.ts';
import { buildRequest } from './wire/envelope.ts';
import { buildNotification } from './wire/notification.ts';
import { spacedMicros } from './wire/timestamps.ts';

/** oslo's ways to send a notification: `messaging` without an envelope, `messagingv2` with one. */
export type NotificationFormat = 'messaging' | 'messagingv2';

export interface NotificationSettings {
  readonly formats: readonly NotificationFormat[];
  readonly topics: readonly string[];
}

const PRIORITY = 'INFO';

/**
 * Of `[oslo_messaging_notifications] driver`, the drivers that send messages; `noop`, `log` and the like send none.
 */
export function notificationFormats(drivers: readonly string[]): readonly NotificationFormat[] {
  return (['messaging', 'messagingv2'] as const).filter((format) => drivers.includes(format));
}

/** Makes the payloads of messages, complete with the unique id under which they are sent as often as it takes. */
export class OsloMessageMaker implements MessageMaker {
  readonly #notifications: NotificationSettings;
  readonly enabled: boolean;

  constructor(notifications: NotificationSettings) {
    this.#notifications = notifications;
    this.enabled = notifications.formats.length > 0 && notifications.topics.length > 0;
  }

  notification(
    context: RequestContext,
    publisherId: string,
    eventType: string,
    payload: JsonObject,
  ): readonly OutboxMessage[] {
    if (!this.enabled) return [];
    const event = { messageId: randomUUID(), publisherId, eventType, priority: PRIORITY, payload };
    const sent = { timestamp: spacedMicros(new Date()), context: encodeContext(context) };
    return this.#notifications.topics.map((topic) => {
      const uniqueId = newUniqueId();
      const notification = buildNotification({ ...event, ...sent, uniqueId });
      const queue = `${topic}.${PRIORITY.toLowerCase()}`;
      return { uniqueId, kind: 'notification', topic: queue, server: null, payload: notification };
    });
  }

  cast(
    context: JsonObject,
    target: { topic: string; server?: string },
    method: string,
    version: string,
    args: JsonObject,
  ): OutboxMessage {
    const request = makeRequest(context, method, version, args);
    return { ...request, kind: 'cast', topic: target.topic, server: target.server ?? null };
  }

  fanout(context: JsonObject, topic: string, method: string, version: string, args: JsonObject): OutboxMessage {
    return { ...makeRequest(context, method, version, args), kind: 'fanout', topic, server: null };
  }
}

/** A cast's payload. Zed's services refuse a context without `read_deleted`. */
export function makeRequest(
  context: JsonObject,
  method: string,
  version: string,
  args: JsonObject,
): { readonly uniqueId: string; readonly payload: JsonObject } {
  const uniqueId = newUniqueId();
  const whole = { read_deleted: 'no', ...context };
  const request = { method, args, version, namespace: null, uniqueId, replyTo: null, context: whole };
  return { uniqueId, payload: buildRequest(request) };
}

export function newUniqueId(): string {
  return randomUUID().replaceAll('-', '');
}
