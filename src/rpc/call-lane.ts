import { childAbort, delay, sharedAbort } from '../kernel/abort.ts';
import type { ChildAbort } from '../kernel/abort.ts';
import { TimeoutError, toError } from '../kernel/errors.ts';
import { FifoSemaphore } from '../kernel/fifo-semaphore.ts';
import type { Json } from '../domain/json.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcRequest, RpcService } from './method.ts';
import type { ReplySender } from './reply-sender.ts';
import type { Delivery } from './transport.ts';
import type { ReplyAddress } from './wire/envelope.ts';
import { Work } from './work.ts';

/** Calls whose end is remembered, for a message that comes again because its acknowledgement was lost. */
const REMEMBERED = 256;

/** What a caller names is taken within these: a smaller one floods the broker, of a larger one no timer can be made. */
const shortestBeatMs = 100;
const longestBeatMs = 3_600_000;
const longestPatienceMs = 24 * 3_600_000;

interface Call {
  readonly request: RpcRequest;
  readonly replyTo: ReplyAddress | null;
  /** What the caller waits, from an instant that is no later than the message's arrival. */
  readonly timeoutMs: number;
}

/**
 * Calls wait and run apart from casts, so that a caller who waits is never behind work that takes minutes. A message
 * is held un-acked until its reply is confirmed: if we die, another replica gets it and runs it again, which calls
 * allow. One whose caller may have given up is not started any more.
 */
export class CallLane {
  readonly #service: RpcService;
  readonly #replies: ReplySender;
  readonly #log: Logger;
  readonly #slots: FifoSemaphore;
  readonly #work = new Work();
  /** Calls under way here, each with the newest delivery of its message. */
  readonly #running = new Map<string, { delivery: Delivery }>();
  readonly #ended = new Set<string>();

  constructor(given: { service: RpcService; replies: ReplySender; maxCalls: number; log: Logger }) {
    this.#service = given.service;
    this.#replies = given.replies;
    this.#log = given.log;
    this.#slots = new FifoSemaphore(given.maxCalls);
  }

  take(delivery: Delivery, call: Call): void {
    const { uniqueId } = call.request;
    if (this.#ended.has(uniqueId)) {
      delivery.ack();
      return;
    }
    const running = this.#running.get(uniqueId);
    if (running !== undefined) {
      // Our channel broke while the call runs: the message came again, the run goes on.
      running.delivery = delivery;
      return;
    }
    const held = { delivery };
    this.#running.set(uniqueId, held);
    this.#work.run(async (stopping) => {
      await this.#serve(held, call, stopping);
      this.#running.delete(uniqueId);
    });
  }

  /** Replies, if anybody waits, and acknowledges then. */
  answer(delivery: Delivery, replyTo: ReplyAddress | null, result: Json | Error): void {
    this.#work.run(() => this.#reply({ delivery }, replyTo, result));
  }

  /** Calls that run get the time until `force`; those that wait go back to their queue. */
  stop(force: AbortSignal): Promise<void> {
    return this.#work.stop(force);
  }

  async #serve(held: { delivery: Delivery }, call: Call, stopping: AbortSignal): Promise<void> {
    const waiting = deadline(call, stopping);
    let release: () => void;
    try {
      release = await this.#slots.acquire(waiting.signal);
    } catch {
      this.#dropUnstarted(held, call, stopping.aborted);
      return;
    } finally {
      waiting.detach();
    }
    // A call that has begun is not cut off by a stop, only by its caller's patience.
    const running = deadline(call);
    const heartbeat = this.#beat(call.replyTo, running.signal);
    try {
      const result = await this.#run(call.request, running.signal);
      running.abort(new Error('the call has ended'));
      await heartbeat;
      if (call.replyTo === null && result instanceof Error) this.#logUnheard(call.request, result);
      await this.#reply(held, call.replyTo, result);
      this.#remember(call.request.uniqueId);
    } finally {
      running.detach();
      release();
    }
  }

  #dropUnstarted({ delivery }: { delivery: Delivery }, { request }: Call, stopping: boolean): void {
    if (stopping) {
      delivery.requeue();
      return;
    }
    const fields = { method: request.method, request_id: request.context.request_id };
    this.#log.warn(fields, 'did not start a call: its caller cannot be waiting any more');
    delivery.ack();
  }

  #logUnheard({ method, context }: RpcRequest, err: Error): void {
    this.#log.error({ err, method, request_id: context.request_id }, 'a call that was sent as a cast failed');
  }

  async #run(request: RpcRequest, signal: AbortSignal): Promise<Json | Error> {
    try {
      return await this.#service.call(request, signal);
    } catch (error) {
      return toError(error);
    }
  }

  async #reply(held: { delivery: Delivery }, replyTo: ReplyAddress | null, result: Json | Error): Promise<void> {
    try {
      if (replyTo !== null) await this.#replies.send(replyTo, result, NEVER);
    } catch (error) {
      this.#log.error({ err: toError(error), msg_id: replyTo?.msgId }, 'could not send a reply');
    }
    held.delivery.ack();
  }

  /** For callers with a call monitor: they count us dead unless they hear from us. */
  async #beat(replyTo: ReplyAddress | null, signal: AbortSignal): Promise<void> {
    const everyS = replyTo?.callMonitorTimeoutS ?? 0;
    if (replyTo === null || everyS <= 0) return;
    const everyMs = Math.min(Math.max(everyS * 500, shortestBeatMs), longestBeatMs);
    try {
      for (;;) {
        await delay(everyMs, signal);
        await this.#replies.heartbeat(replyTo, signal);
      }
    } catch {
      // The call has ended, or the broker is away, and the caller hears nothing from anybody.
    }
  }

  #remember(uniqueId: string): void {
    this.#ended.add(uniqueId);
    const [oldest] = this.#ended;
    if (this.#ended.size > REMEMBERED && oldest !== undefined) this.#ended.delete(oldest);
  }
}

const NEVER = sharedAbort().signal;

/** Aborts when the caller cannot be waiting any more, or with `parent`. */
function deadline({ timeoutMs, request }: Call, ...parents: readonly AbortSignal[]): ChildAbort {
  const child = childAbort(...parents);
  const timer = setTimeout(
    () => child.abort(new TimeoutError(`the caller of ${request.method}`, timeoutMs)),
    Math.min(timeoutMs, longestPatienceMs),
  );
  timer.unref();
  return {
    signal: child.signal,
    abort: (reason) => child.abort(reason),
    detach: () => {
      clearTimeout(timer);
      child.detach();
    },
  };
}
