import type { Component, Health } from '../kernel/component.ts';
import { Loop } from '../kernel/loop.ts';
import type { CustodyOptions } from './custody-options.ts';
import type { Door } from './door.ts';
import { readyBackends } from './ready-backends.ts';

/** At a time, so that the replicas share what a dead one left. */
const adoptAtOnce = 100;

/** How far a look for entries that nobody runs goes back. */
const mostUnfinished = 10_000;

/**
 * Takes up entries that nobody carries: of owners that are silent or gone, given back ones, and our own whose arrival
 * we never learned of because the database's answer got lost. Presuming wrongly is harmless: the locks come first.
 *
 * A statement whose answer got lost may be carried out after any look (a server goes on though its client has gone), and
 * make an entry ours that we had given up or never heard of. While we live nobody else takes it, so we look for our own
 * from time to time. What is just arriving is let be: it is run by its next look with the caller's token.
 */
export class Takeover implements Component {
  readonly name = 'takeover';
  readonly #options: CustodyOptions;
  readonly #door: Door;
  readonly #loop: Loop;
  #doubt = false;
  #lookAtMs: number;
  /** Ours, and not carried, at the last look. */
  #stray: ReadonlySet<string> = new Set();

  constructor(options: CustodyOptions, door: Door) {
    this.#options = options;
    this.#door = door;
    this.#lookAtMs = options.clock.nowMs() + options.timings.reconcileIntervalMs;
    this.#loop = new Loop({
      turn: () => this.#turn(),
      pauseMs: () => options.timings.takeoverIntervalMs,
      onError: (err) => options.log.warn({ err }, 'could not look for entries that nobody carries'),
    });
  }

  /** In the background: nobody's start waits for another one's work. */
  start(): Promise<void> {
    this.#loop.start();
    return Promise.resolve();
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.#loop.stop(how.force);
  }

  health(): Health {
    return { ok: true };
  }

  /** The journal may hold entries of ours that nobody runs. */
  doubt(): void {
    this.#doubt = true;
    this.#loop.wake();
  }

  async #turn(): Promise<void> {
    if (this.#doubt || this.#options.clock.nowMs() >= this.#lookAtMs) await this.#runOwn();
    await this.#adopt();
  }

  async #adopt(): Promise<void> {
    const { db, incarnation, ports, timings, log, failpoints, tally } = this.#options;
    const backends = readyBackends(ports);
    if (backends.length === 0) return;
    let adopted;
    try {
      adopted = await db.journal.adopt(incarnation.id, backends, timings.presumedDeadAfterMs, adoptAtOnce);
    } catch (error) {
      // It may have made entries ours without telling which.
      this.#doubt = true;
      throw error;
    }
    await failpoints('adopted');
    for (const entry of adopted) {
      log.info({ entry: entry.id, method: entry.method, earlier_claims: entry.claim }, 'took over a journal entry');
      tally({ what: 'adopted', origin: entry.origin });
      this.#door.runEntry(entry);
    }
  }

  async #runOwn(): Promise<void> {
    const { db, incarnation, ports, timings, clock } = this.#options;
    const wasDoubt = this.#doubt;
    this.#doubt = false;
    try {
      const unfinished = await db.journal.unfinished([...ports.keys()], mostUnfinished);
      const stray = unfinished.filter(({ id, owner }) => owner === incarnation.id && !this.#door.carries(id));
      for (const entry of stray) if (wasDoubt || this.#stray.has(entry.id)) this.#door.runEntry(entry);
      this.#stray = new Set(stray.map(({ id }) => id));
      this.#lookAtMs = clock.nowMs() + timings.reconcileIntervalMs;
    } catch (error) {
      this.#doubt ||= wasDoubt;
      throw error;
    }
  }
}
