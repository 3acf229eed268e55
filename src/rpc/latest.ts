import { childAbort, raceAbort, sharedAbort } from '../kernel/abort.ts';

/** Something that comes and goes, as a connection does: who needs it takes the present one or waits for the next. */
export class Latest<T> {
  readonly #waiters = new Set<(value: T) => void>();
  readonly #ended = sharedAbort();
  #value: T | undefined;

  get value(): T | undefined {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const waiter of this.#waiters) waiter(value);
    this.#waiters.clear();
  }

  clear(): void {
    this.#value = undefined;
  }

  /** Nothing will come any more: who waits, or asks from now on, gets `reason`. */
  end(reason: Error): void {
    this.#value = undefined;
    this.#ended.abort(reason);
  }

  /** Rejects when `signal` aborts or after `end`. */
  async next(signal: AbortSignal): Promise<T> {
    this.#ended.signal.throwIfAborted();
    if (this.#value !== undefined) return this.#value;
    const either = childAbort(signal, this.#ended.signal);
    let waiter: ((value: T) => void) | undefined;
    const coming = new Promise<T>((resolve) => this.#waiters.add((waiter = resolve)));
    try {
      return await raceAbort(coming, either.signal);
    } finally {
      if (waiter !== undefined) this.#waiters.delete(waiter);
      either.detach();
    }
  }
}
