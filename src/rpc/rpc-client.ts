import type { JsonObject } from '../domain/json.ts';
import { childAbort, never, raceAbort } from '../kernel/abort.ts';
import type { Component, Health } from '../kernel/component.ts';
import { TimeoutError, toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import { answeredSoon } from './goodbye.ts';
import { makeRequest, newUniqueId } from './message-maker.ts';
import { targetKey } from './message-sender.ts';
import type { RpcCaller } from './notifier.ts';
import type { Address, Delivery, Listener, Transport } from './transport.ts';
import { encodeContext, serviceContext } from './wire/context.ts';
import { buildBody, parseBody, parseReply } from './wire/envelope.ts';
import type { WireReply } from './wire/envelope.ts';
import { decodeFailure } from './wire/failure.ts';
import { decodeEntity } from './wire/objects.ts';
import { toPlain } from './wire/wire-object.ts';

interface Target {
  readonly topic: string;
  readonly server?: string;
}

/** Replies that wait to be read; each is taken at once. */
const REPLY_PREFETCH = 100;

/**
 * Calls other services, in the service's own name. The queue for replies is made with the first call and lives as long
 * as the client; a reply that comes when nobody waits any more is dropped.
 */
export class RpcClient implements RpcCaller, Component {
  readonly name = 'rpc client';
  readonly #transport: Transport;
  readonly #exchange: string;
  readonly #log: Logger;
  readonly #waiting = new Map<string, (reply: WireReply) => void>();
  #replies: { readonly queue: string; readonly listener: Listener } | undefined;

  constructor(given: { transport: Transport; controlExchange: string; log: Logger }) {
    this.#transport = given.transport;
    this.#exchange = given.controlExchange;
    this.#log = given.log;
  }

  /** Nothing: the first call makes what it needs. */
  async start(): Promise<void> {
    return Promise.resolve();
  }

  async stop({ force }: { force: AbortSignal } = { force: never }): Promise<void> {
    const replies = this.#replies;
    this.#replies = undefined;
    if (replies !== undefined) await answeredSoon(replies.listener.close(), force);
  }

  health(): Health {
    return this.#replies?.listener.health() ?? { ok: true };
  }

  /**
   * The result as plain data. Throws `RemoteError` (the other side failed), `TimeoutError` (no reply: it may have done
   * the work), `PublishError`, or the signal's reason.
   */
  async call(
    target: Target,
    method: string,
    version: string,
    args: JsonObject,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown> {
    const over = childAbort(signal);
    const timer = setTimeout(() => over.abort(new TimeoutError(`call of ${method}`, timeoutMs)), timeoutMs);
    const msgId = newUniqueId();
    try {
      const replies = this.#listening();
      await replies.listener.ready(over.signal);
      const coming = new Promise<WireReply>((resolve) => this.#waiting.set(msgId, resolve));
      const { payload } = makeRequest(encodeContext(serviceContext()), method, version, args);
      const body = buildBody({ ...payload, _msg_id: msgId, _reply_q: replies.queue, _timeout: null });
      await this.#transport.publish({ to: this.#address(target), body, expirationMs: timeoutMs }, over.signal);
      return readReply(await raceAbort(coming, over.signal));
    } catch (error) {
      // A time-out while the message was being sent is a time-out, too.
      const timedOut = over.signal.aborted && over.signal.reason instanceof TimeoutError;
      throw timedOut ? toError(over.signal.reason) : error;
    } finally {
      this.#waiting.delete(msgId);
      clearTimeout(timer);
      over.detach();
    }
  }

  async cast(target: Target, method: string, version: string, args: JsonObject, signal: AbortSignal): Promise<void> {
    const { payload } = makeRequest(encodeContext(serviceContext()), method, version, args);
    await this.#transport.publish({ to: this.#address(target), body: buildBody(payload) }, signal);
  }

  #address(target: Target): Address {
    return { kind: 'topic', exchange: this.#exchange, key: targetKey(target) };
  }

  #listening(): { readonly queue: string; readonly listener: Listener } {
    if (this.#replies !== undefined) return this.#replies;
    const queue = this.#transport.names.reply();
    const listener = this.#transport.listen({
      name: 'replies',
      queues: [{ kind: 'reply', name: queue }],
      prefetch: REPLY_PREFETCH,
      onDelivery: (delivery) => this.#onDelivery(delivery),
    });
    this.#replies = { queue, listener };
    return this.#replies;
  }

  #onDelivery(delivery: Delivery): void {
    delivery.ack();
    try {
      const reply = parseReply(parseBody(delivery.body));
      if (!reply.ending) return;
      const waiter = this.#waiting.get(reply.msgId);
      if (waiter === undefined) this.#log.info({ msg_id: reply.msgId }, 'dropped a reply that nobody waits for');
      else waiter(reply);
    } catch (error) {
      this.#log.error({ err: toError(error) }, 'dropped a reply that cannot be read');
    }
  }
}

function readReply({ failure, result }: WireReply): unknown {
  if (failure !== null) throw decodeFailure(failure);
  return toPlain(decodeEntity('result', result));
}
