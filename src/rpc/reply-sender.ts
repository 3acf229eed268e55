import { randomUUID } from 'node:crypto';
import { delay } from '../kernel/abort.ts';
import { toError } from '../kernel/errors.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { Logger } from '../log/logger.ts';
import type { Transport } from './transport.ts';
import { buildBody, buildReply } from './wire/envelope.ts';
import type { ReplyAddress } from './wire/envelope.ts';
import { encodeFailure } from './wire/failure.ts';

const RETRY_EVERY_MS = 250;
/** oslo's: how many missing reply queues are remembered, and for how long. */
const MAX_MISSING = 200;
const MISSING_FOR_MS = 60_000;

/**
 * Sends replies until the broker has confirmed that a queue took them. A reply queue that stays away (its caller has
 * gone) is given up after a while and then, for a minute, at once, so that one dead caller with a thousand calls does
 * not occupy us for hours.
 */
export class ReplySender {
  readonly #transport: Transport;
  readonly #log: Logger;
  readonly #giveUpAfterMs: number;
  /** Reply queues that were given up, with the instant until which; oldest first. */
  readonly #missing = new Map<string, number>();

  constructor(given: { transport: Transport; log: Logger; giveUpAfterMs: number }) {
    this.#transport = given.transport;
    this.#log = given.log;
    this.#giveUpAfterMs = given.giveUpAfterMs;
  }

  /** Resolves when the reply has arrived or was given up, which is logged; rejects only when the signal aborts. */
  send(to: ReplyAddress, result: Json | Error, signal: AbortSignal): Promise<void> {
    return this.deliver(to.queue, replyPayload(to, result), signal);
  }

  /** The same for a reply that is made already. */
  async deliver(queue: string, payload: JsonObject, signal: AbortSignal): Promise<void> {
    const body = buildBody(payload);
    const deadline = performance.now() + this.#giveUpAfterMs;
    while (!this.#isMissing(queue)) {
      const outcome = await this.#try(queue, body, signal);
      if (outcome === 'delivered') return;
      if (performance.now() >= deadline) {
        if (outcome === 'unroutable') this.#remember(queue);
        break;
      }
      await delay(RETRY_EVERY_MS, signal);
    }
    this.#log.warn({ reply_queue: queue, msg_id: payload['_msg_id'] }, 'gave up a reply: its caller cannot be reached');
  }

  /** Tells a caller that watches its call that it goes on. One that is lost does not matter. */
  async heartbeat(to: ReplyAddress, signal: AbortSignal): Promise<void> {
    const { msgId, queue } = to;
    const beat = { msgId, uniqueId: newId(), result: null, failure: null, ending: false };
    await this.#transport.publish({ to: { kind: 'queue', name: queue }, body: buildBody(buildReply(beat)) }, signal);
  }

  async #try(queue: string, body: Buffer, signal: AbortSignal): Promise<'delivered' | 'unroutable' | 'failed'> {
    try {
      return await this.#transport.publish({ to: { kind: 'queue', name: queue }, body, mandatory: true }, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Sent again with the same unique id: the caller takes the first and drops the second.
      this.#log.warn({ err: toError(error), reply_queue: queue }, 'a reply was not confirmed; sending it again');
      return 'failed';
    }
  }

  #isMissing(queue: string): boolean {
    const until = this.#missing.get(queue);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.#missing.delete(queue);
    return false;
  }

  #remember(queue: string): void {
    this.#missing.delete(queue);
    this.#missing.set(queue, performance.now() + MISSING_FOR_MS);
    const [oldest] = this.#missing.keys();
    if (this.#missing.size > MAX_MISSING && oldest !== undefined) this.#missing.delete(oldest);
  }
}

function replyPayload({ msgId }: ReplyAddress, result: Json | Error): JsonObject {
  const outcome =
    result instanceof Error ? { result: null, failure: encodeFailure(result) } : { result, failure: null };
  return buildReply({ msgId, uniqueId: newId(), ...outcome, ending: true });
}

function newId(): string {
  return randomUUID().replaceAll('-', '');
}
