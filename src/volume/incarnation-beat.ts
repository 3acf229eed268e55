import { DatabaseError } from '../db/database.ts';
import type { Component, Health } from '../kernel/component.ts';
import { Loop } from '../kernel/loop.ts';
import type { CustodyOptions } from './custody-options.ts';

/**
 * This process in `aa_incarnation`: registered, seen alive every few seconds, removed at a clean end. Who cannot beat
 * for longer than `presumedDeadAfterMs` may have lost its entries to others; that is harmless (they wait for its
 * locks, and its claims and tokens end with theirs), so it only says so and goes on.
 */
export class IncarnationBeat implements Component {
  readonly name = 'incarnation';
  readonly #options: CustodyOptions;
  readonly #loop: Loop;
  #lastBeatMs = Number.NEGATIVE_INFINITY;

  constructor(options: CustodyOptions) {
    this.#options = options;
    this.#loop = new Loop({
      turn: () => this.#beat(),
      pauseMs: () => options.timings.incarnationHeartbeatMs,
      onError: (err) => options.log.warn({ err, silent_ms: this.#silentMs() }, 'could not show that we live'),
    });
  }

  async start(): Promise<void> {
    const { db, incarnation, timings, clock } = this.#options;
    await db.incarnations.register(incarnation);
    this.#lastBeatMs = clock.nowMs();
    this.#loop.start(timings.incarnationHeartbeatMs);
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#loop.stop(how.force);
    if (this.#lastBeatMs === Number.NEGATIVE_INFINITY) return;
    await this.#options.db.incarnations.remove(this.#options.incarnation.id);
  }

  health(): Health {
    if (this.#silentMs() <= this.#options.timings.presumedDeadAfterMs) return { ok: true };
    return { ok: false, detail: 'others may presume this process dead: the database takes no heartbeat' };
  }

  async #beat(): Promise<void> {
    const { db, incarnation, timings, clock, log } = this.#options;
    try {
      await db.incarnations.beat(incarnation.id);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.outcome !== 'failed') throw error;
      // Somebody took our row away after a long silence.
      await db.incarnations.register(incarnation);
    }
    if (this.#silentMs() > timings.presumedDeadAfterMs) {
      log.warn({ silent_ms: Math.round(this.#silentMs()) }, 'was silent for long: others may have taken our work over');
    }
    this.#lastBeatMs = clock.nowMs();
  }

  #silentMs(): number {
    return this.#options.clock.nowMs() - this.#lastBeatMs;
  }
}
