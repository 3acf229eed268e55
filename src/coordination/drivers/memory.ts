import type { Health } from '../../kernel/component.ts';
import { KeyedMutex } from '../../kernel/keyed-mutex.ts';
import type { Guarantees, Holder } from '../coordinator.ts';
import { Custody, type HeldLock, type LockBackend } from '../lock-backend.ts';

/** Locks that several in-memory backends of one process share, as real ones share a server. */
export class MemoryLocks {
  readonly mutex = new KeyedMutex<string>();
  /** Who holds what, by wire name. */
  readonly held = new Map<string, { readonly custody: Custody; readonly owner: string; readonly free: () => void }>();

  /** What an operator's `DEL` or a server without memory does: the holder loses the lock, the next one gets it. */
  drop(wireName: string): void {
    const entry = this.held.get(wireName);
    if (entry === undefined) return;
    this.held.delete(wireName);
    entry.custody.lose('it was dropped');
    entry.free();
  }
}

/** Locks within one process, for tests and for trying things out. First come, first served. */
export class MemoryBackend implements LockBackend {
  readonly name = 'memory locks';
  readonly guarantees: Guarantees = { scope: 'process', survivesFailover: true, fifo: true };
  readonly #locks: MemoryLocks;
  readonly #owner: string;

  constructor(options: { locks: MemoryLocks; memberId: string }) {
    this.#locks = options.locks;
    this.#owner = options.memberId;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  health(): Health {
    return { ok: true };
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    const free = await this.#locks.mutex.acquire(wireName, signal);
    const custody = new Custody();
    custody.proof.extend(Infinity);
    this.#locks.held.set(wireName, { custody, owner: this.#owner, free });
    return custody.asLock(() => {
      if (custody.lost) return Promise.resolve('lost');
      custody.proof.end();
      this.#locks.held.delete(wireName);
      free();
      return Promise.resolve('released');
    });
  }

  holders(): Promise<readonly Holder[]> {
    const holders = [...this.#locks.held].map(([name, { owner }]) => ({
      name,
      holder: owner,
      waiters: this.#locks.mutex.waiting(name),
    }));
    return Promise.resolve(holders);
  }
}
