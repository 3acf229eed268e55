import type { OutboxMessage } from '../db/ports/custody.ts';
import type { NotificationFormat } from './message-maker.ts';
import type { MessageSender } from './notifier.ts';
import type { ReplySender } from './reply-sender.ts';
import type { Address, Transport } from './transport.ts';
import { buildBody } from './wire/envelope.ts';
import { buildBareBody } from './wire/notification.ts';

export interface MessageSenderOptions {
  readonly transport: Transport;
  /** Where notifications go, if not to `transport`. */
  readonly notificationTransport?: Transport;
  readonly controlExchange: string;
  readonly replies: ReplySender;
  readonly formats: readonly NotificationFormat[];
}

/**
 * Sends messages of the outbox. Sending one again is harmless: readers know it by its unique id. A cast to a queue that
 * nobody has declared vanishes, as one from Python does.
 */
export class OutboxSender implements MessageSender {
  readonly #given: MessageSenderOptions;

  constructor(given: MessageSenderOptions) {
    this.#given = given;
  }

  async send(message: OutboxMessage, signal: AbortSignal): Promise<void> {
    if (message.kind === 'reply') return this.#given.replies.deliver(message.topic, message.payload, signal);
    if (message.kind === 'notification') return this.#notify(message, signal);
    const to = addressOf(message, this.#given.controlExchange);
    await this.#given.transport.publish({ to, body: buildBody(message.payload) }, signal);
  }

  async #notify({ topic, payload }: OutboxMessage, signal: AbortSignal): Promise<void> {
    const { formats, controlExchange, transport, notificationTransport = transport } = this.#given;
    const to = { kind: 'notification', exchange: controlExchange, key: topic } as const;
    for (const format of formats) {
      const body = format === 'messagingv2' ? buildBody(payload) : buildBareBody(payload);
      await notificationTransport.publish({ to, body }, signal);
    }
  }
}

/** Where a cast goes: to all, to one server, or to whoever of the topic is free. */
function addressOf({ kind, topic, server }: OutboxMessage, exchange: string): Address {
  if (kind === 'fanout') return { kind: 'fanout', topic };
  return { kind: 'topic', exchange, key: targetKey({ topic, ...(server !== null && { server }) }) };
}

/** The routing key of oslo's target. */
export function targetKey({ topic, server }: { readonly topic: string; readonly server?: string }): string {
  return server === undefined ? topic : `${topic}.${server}`;
}
