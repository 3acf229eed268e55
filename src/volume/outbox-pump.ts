import type { MessageKind, OutboxMessage } from '../db/ports/custody.ts';
import { abortReason, childAbort } from '../kernel/abort.ts';
import type { Component, Health } from '../kernel/component.ts';
import { messageOf } from '../kernel/errors.ts';
import { Loop } from '../kernel/loop.ts';
import type { CustodyOptions } from './custody-options.ts';

const batchSize = 100;
const idleMs = 1_000;
/**
 * Nobody else sends what is ours before we have gone. The broker may be away for us alone, or for longer than the grace
 * time, which may be without end.
 */
const lastTurnMs = 3_000;

/**
 * What is sent in turn. Notifications may have a broker of their own, which may be away, or queues that somebody else has
 * declared otherwise: no request waits for them, nor behind them.
 */
export const outboxTurns: readonly { readonly name: string; readonly kinds: readonly MessageKind[] }[] = [
  { name: 'outbox of notifications', kinds: ['notification'] },
  { name: 'outbox', kinds: ['cast', 'fanout', 'reply'] },
];

/**
 * Sends what settlements decided to send, until the broker has confirmed it: ours, and that of owners who fell silent
 * before they could. A message may be sent twice (a crash between confirmation and `sent`); its unique id stays.
 */
export class OutboxPump implements Component {
  readonly name: string;
  readonly #options: CustodyOptions;
  readonly #kinds: readonly MessageKind[];
  readonly #loop: Loop;
  #problem: string | undefined;

  constructor(options: CustodyOptions, { name, kinds }: (typeof outboxTurns)[number]) {
    this.name = name;
    this.#options = options;
    this.#kinds = kinds;
    this.#loop = new Loop({
      turn: (signal) => this.#turn(signal),
      pauseMs: () => idleMs,
      onError: (err) => this.#failed(err),
    });
  }

  start(): Promise<void> {
    this.#loop.start();
    return Promise.resolve();
  }

  /** Something may be there to send. */
  wake(): void {
    this.#loop.wake();
  }

  /** Sends what is there; what cannot be sent in a moment, or before `force`, stays in the outbox, for a successor. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#loop.stop(how.force);
    if (how.force.aborted) return;
    const end = childAbort(how.force);
    const timer = setTimeout(() => end.abort(new Error('the broker does not take them')), lastTurnMs);
    await this.#turn(end.signal).catch((err: unknown) => this.#failed(err));
    clearTimeout(timer);
    end.detach();
  }

  health(): Health {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: `${this.name}: ${this.#problem}` };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { db, incarnation, timings } = this.#options;
    for (;;) {
      const { id } = incarnation;
      const messages = await db.outbox.pending(id, timings.presumedDeadAfterMs, batchSize, this.#kinds);
      const sent = await this.#send(messages, signal);
      if (sent.length > 0) await db.outbox.sent(sent);
      if (sent.length === messages.length) this.#problem = undefined;
      // Going on where nothing was sent would turn in a circle.
      if (messages.length < batchSize || sent.length === 0 || signal.aborted) return;
    }
  }

  /** One message that cannot be sent does not hold up the others. */
  async #send(messages: readonly OutboxMessage[], signal: AbortSignal): Promise<readonly string[]> {
    const sending = messages.map(async ({ uniqueId, ...rest }) => {
      await this.#options.failpoints('sending');
      await this.#options.sender.send({ uniqueId, ...rest }, signal);
      return uniqueId;
    });
    const results = await Promise.allSettled(sending);
    if (signal.aborted && results.every(({ status }) => status === 'rejected')) throw abortReason(signal);
    for (const result of results) if (result.status === 'rejected') this.#failed(result.reason);
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  #failed(err: unknown): void {
    this.#problem = messageOf(err);
    this.#options.log.warn({ err }, 'messages stay in the outbox');
  }
}
