import type { Component, Health } from '../kernel/component.ts';
import { Loop } from '../kernel/loop.ts';
import type { CustodyOptions } from './custody-options.ts';

/** In one statement; the rest waits for the next turn. */
const purgeAtOnce = 1_000;

/** One that lives after all and finds its row gone registers again. */
const silentForMs = 86_400_000;

/**
 * Removes what custody needs no more: finished entries, tokens of locks that nobody has taken for long, and the rows of
 * processes that were killed.
 */
export class Housekeeping implements Component {
  readonly name = 'journal housekeeping';
  readonly #loop: Loop;

  constructor({ db, timings, log }: CustodyOptions) {
    this.#loop = new Loop({
      turn: async (signal) => {
        await untilFew(signal, () => db.journal.purge(timings.keepFinishedMs, purgeAtOnce));
        await untilFew(signal, () => db.incarnations.purge(silentForMs, purgeAtOnce));
        await untilFew(signal, () => db.fence.purge(timings.keepFinishedMs, purgeAtOnce));
      },
      pauseMs: () => timings.purgeIntervalMs,
      onError: (err) => log.warn({ err }, 'could not remove old journal entries'),
    });
  }

  start(): Promise<void> {
    this.#loop.start(60_000);
    return Promise.resolve();
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.#loop.stop(how.force);
  }

  health(): Health {
    return { ok: true };
  }
}

async function untilFew(signal: AbortSignal, purge: () => Promise<number>): Promise<void> {
  while (!signal.aborted && (await purge()) >= purgeAtOnce);
}
