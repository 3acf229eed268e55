import { raceAbort } from '../kernel/abort.ts';
import { TimeoutError } from '../kernel/errors.ts';

export interface BoundedCacheOptions<T> {
  /** For the error at the deadline. */
  readonly what: string;
  readonly look: (signal: AbortSignal) => Promise<T> | T;
  /** So long a result is given out again (1 s). */
  readonly freshMs?: number;
  /** So long an asker waits (2 s). */
  readonly deadlineMs?: number;
}

/**
 * Answers however many askers by one look at a time. A look that does not come back costs each asker the deadline at
 * most and is never doubled: a dead database behind a probe that comes every second must not pile up queries.
 */
export class BoundedCache<T> {
  readonly #options: Required<BoundedCacheOptions<T>>;
  #last: { readonly value: T; readonly atMs: number } | undefined;
  #looking: Promise<T> | undefined;
  #sinceMs = 0;

  constructor(options: BoundedCacheOptions<T>) {
    this.#options = { freshMs: 1000, deadlineMs: 2000, ...options };
  }

  /** Rejects with what `look` threw, or with `TimeoutError`. */
  async get(): Promise<T> {
    const { freshMs, deadlineMs, what } = this.#options;
    if (this.#last !== undefined && performance.now() - this.#last.atMs < freshMs) return this.#last.value;
    this.#looking ??= this.#look();
    const leftMs = this.#sinceMs + deadlineMs - performance.now();
    if (leftMs <= 0) throw new TimeoutError(what, deadlineMs);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new TimeoutError(what, deadlineMs)), leftMs);
    try {
      return await raceAbort(this.#looking, deadline.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #look(): Promise<T> {
    const { look, deadlineMs, what } = this.#options;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new TimeoutError(what, deadlineMs)), deadlineMs);
    this.#sinceMs = performance.now();
    try {
      const value = await look(controller.signal);
      this.#last = { value, atMs: performance.now() };
      return value;
    } finally {
      clearTimeout(timer);
      this.#looking = undefined;
    }
  }
}
