import type { Database } from '../../db/database.ts';
import { delay } from '../../kernel/abort.ts';

/** What a request is to lead to: a row that is `available`, or no row. */
export type Goal = 'available' | 'gone';

export type Ending =
  | { readonly kind: 'reached' }
  /** The row says so (`error`, `error_deleting`), or is gone where it should be available. */
  | { readonly kind: 'failed'; readonly status: string }
  | { readonly kind: 'timed-out'; readonly status: string };

export interface Watched {
  readonly type: 'volume' | 'snapshot';
  readonly id: string;
  readonly goal: Goal;
}

interface Waiting extends Watched {
  readonly deadline: number;
  status: string;
  readonly end: (ending: Ending) => void;
}

const shortestPauseMs = 50;

/**
 * Waits for rows by looking at them, as a user of the API does. All who wait share one round of queries; the pause is
 * three times as long as the round took, so that looking never becomes the load that is being measured.
 */
export class RowWatch {
  readonly #db: Database;
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<Waiting>();
  #running: Promise<void> | undefined;

  constructor(db: Database, signal: AbortSignal) {
    this.#db = db;
    this.#signal = signal;
  }

  /** Rejects only when the signal aborts or the database cannot be asked. */
  until(watched: Watched, timeoutMs: number): Promise<Ending> {
    return new Promise<Ending>((resolve, reject) => {
      this.#waiting.add({ ...watched, deadline: performance.now() + timeoutMs, status: 'unknown', end: resolve });
      this.#running ??= this.#rounds();
      this.#running.catch(reject);
    });
  }

  async #rounds(): Promise<void> {
    try {
      while (this.#waiting.size > 0) {
        const since = performance.now();
        for (const waiting of this.#waiting) await this.#look(waiting);
        await delay(Math.max(shortestPauseMs, 3 * (performance.now() - since)), this.#signal);
      }
    } finally {
      // In the same turn as the last look at the set: who comes later starts the rounds anew.
      this.#running = undefined;
      this.#waiting.clear();
    }
  }

  async #look(waiting: Waiting): Promise<void> {
    this.#signal.throwIfAborted();
    const row = await (waiting.type === 'volume' ? this.#db.volumes : this.#db.snapshots).get(waiting.id);
    waiting.status = row === null ? 'gone' : (row.status ?? 'without status');
    const ending = endingOf(waiting, performance.now());
    if (ending === undefined) return;
    this.#waiting.delete(waiting);
    waiting.end(ending);
  }
}

function endingOf({ goal, status, deadline }: Waiting, time: number): Ending | undefined {
  if (status === goal) return { kind: 'reached' };
  if (status === 'gone' || status.startsWith('error')) return { kind: 'failed', status };
  // A delete that was refused (the resource is busy) puts the row back.
  if (goal === 'gone' && status === 'available') return { kind: 'failed', status };
  return time > deadline ? { kind: 'timed-out', status } : undefined;
}
