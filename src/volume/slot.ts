import type { FifoSemaphore } from '../kernel/fifo-semaphore.ts';

/** One entry's place under the concurrency limit, which it can leave while it waits for somebody else. */
export class Slot {
  readonly #limit: FifoSemaphore;
  readonly #signal: AbortSignal;
  readonly #onChange: (state: 'running' | 'parked') => void;
  #leave: (() => void) | undefined;
  /** Waits under way; several branches of one operation may wait at once. */
  #parked = 0;
  /** The one taking of the slot that those who wait for it share. */
  #taking: Promise<void> | undefined;
  #closed = false;

  constructor(limit: FifoSemaphore, signal: AbortSignal, onChange: (state: 'running' | 'parked') => void) {
    this.#limit = limit;
    this.#signal = signal;
    this.#onChange = onChange;
  }

  /** @param signal ends the wait; by default the one that ends the steps */
  async take(signal: AbortSignal = this.#signal): Promise<void> {
    if (this.#leave !== undefined) return;
    this.#taking ??= this.#limit
      .acquire(signal)
      .then((leave) => {
        // The operation may have ended by another branch meanwhile.
        if (this.#closed) return leave();
        this.#leave = leave;
        this.#onChange('running');
      })
      .finally(() => (this.#taking = undefined));
    await this.#taking;
  }

  /** The operation has ended: gives the slot back for good. */
  close(): void {
    this.#closed = true;
    this.#give();
  }

  /** The result of `wait`, which runs without a slot; rejects with the signal's reason where none is to be had after. */
  async park<T>(wait: () => Promise<T>): Promise<T> {
    this.#parked += 1;
    if (this.#parked === 1) {
      this.#give();
      this.#onChange('parked');
    }
    try {
      return await wait();
    } finally {
      this.#parked -= 1;
      await this.take();
    }
  }

  #give(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}
