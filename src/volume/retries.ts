import { Backoff } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';

interface Failures {
  readonly backoff: Backoff;
  attempts: number;
  /** On the clock: not tried here before. */
  notBeforeMs: number;
  lastError: string;
}

/** What is remembered longer than this was ended by somebody else. */
const forgetAfterMs = 3_600_000;

/**
 * How often entries failed here without a definite end, and when each may be tried here again: without it a replica
 * that cannot reach its share would give back and take up the same entry in a circle. Other replicas may take it at
 * once. Kept in memory only: a new process tries at once.
 */
export class Retries {
  readonly #failures = new Map<string, Failures>();
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;

  constructor(options: { clock: Clock; initialMs: number; maxMs: number }) {
    this.#clock = options.clock;
    this.#initialMs = options.initialMs;
    this.#maxMs = options.maxMs;
  }

  /** The pause before the next try, in milliseconds. */
  failed(entryId: string, error: Error): number {
    const failures = this.#failures.get(entryId) ?? this.#fresh();
    this.#failures.set(entryId, failures);
    const pauseMs = failures.backoff.nextMs();
    failures.attempts += 1;
    failures.notBeforeMs = this.#clock.nowMs() + pauseMs;
    failures.lastError = error.message;
    return pauseMs;
  }

  ended(entryId: string): void {
    this.#failures.delete(entryId);
  }

  pauseMs(entryId: string): number {
    const failures = this.#failures.get(entryId);
    return failures === undefined ? 0 : Math.max(0, failures.notBeforeMs - this.#clock.nowMs());
  }

  of(entryId: string): { attempts: number; lastError: string | null } {
    const failures = this.#failures.get(entryId);
    return { attempts: failures?.attempts ?? 0, lastError: failures?.lastError ?? null };
  }

  /** Forgets entries that did not come back. */
  #prune(): void {
    const before = this.#clock.nowMs() - forgetAfterMs;
    for (const [id, { notBeforeMs }] of this.#failures) if (notBeforeMs < before) this.#failures.delete(id);
  }

  #fresh(): Failures {
    this.#prune();
    const backoff = new Backoff({ initialMs: this.#initialMs, maxMs: this.#maxMs });
    return { backoff, attempts: 0, notBeforeMs: 0, lastError: '' };
  }
}
