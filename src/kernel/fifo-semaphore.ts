import { abortReason } from './abort.ts';

interface Waiter {
  grant(): void;
}

/** A counting semaphore that serves its waiters in the order in which they came. */
export class FifoSemaphore {
  readonly #waiters = new Set<Waiter>();
  #free: number;

  constructor(permits: number) {
    this.#free = permits;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  get free(): number {
    return this.#free;
  }

  /** Resolves with the function that gives the permit back (calling it twice does nothing). */
  acquire(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    if (this.#free > 0 && this.#waiters.size === 0) {
      this.#free -= 1;
      return Promise.resolve(this.#releaser());
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(abortReason(signal));
      };
      const waiter: Waiter = {
        grant: () => {
          signal.removeEventListener('abort', onAbort);
          resolve(this.#releaser());
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', onAbort);
    });
  }

  /** Runs `work` with a permit held. */
  async with<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  #releaser(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = this.#waiters;
      if (next === undefined) {
        this.#free += 1;
      } else {
        this.#waiters.delete(next);
        next.grant();
      }
    };
  }
}
