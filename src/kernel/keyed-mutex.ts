import { FifoSemaphore } from './fifo-semaphore.ts';

/** One first-come-first-served mutex per key; a key that nobody holds or waits for costs no memory. */
export class KeyedMutex<K> {
  readonly #queues = new Map<K, { semaphore: FifoSemaphore; users: number }>();

  /** Resolves with the function that lets the next waiter of this key in. */
  async acquire(key: K, signal: AbortSignal): Promise<() => void> {
    const queue = this.#queues.get(key) ?? { semaphore: new FifoSemaphore(1), users: 0 };
    this.#queues.set(key, queue);
    queue.users += 1;
    const leave = (): void => {
      queue.users -= 1;
      if (queue.users === 0) this.#queues.delete(key);
    };
    try {
      const release = await queue.semaphore.acquire(signal);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        release();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** How many wait for this key now. */
  waiting(key: K): number {
    return this.#queues.get(key)?.semaphore.waiting ?? 0;
  }
}
