import { delay } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { LockName } from './lock-names.ts';

/** For each part of time that this process had a lock, so large a part it stays free. */
const roomShare = 1 / 8;
/** No room is longer: Python's clients look for a file's lock every 100 ms, for others once a second. */
const mostRoomMs = 250;
/** A timer's resolution: rooms below it are added up. */
const leastRoomMs = 1;
/** Names that are kept in mind. Who comes back to an older one has left room enough. */
const mostNames = 256;

interface Account {
  /** Since room was left for the last time. */
  heldMs: number;
  /** When the lock was given back for the last time. */
  freeSinceMs: number;
}

/**
 * The gaps that a process leaves on a lock service without a queue, where everybody polls. Who asks again the moment
 * it gave a lock back finds it free each time, and those who look now and then never do; so a name that this process
 * had stays free for a while in proportion, before its next waiter of this process asks.
 */
export class RoomForOthers {
  readonly #clock: Clock;
  readonly #accounts = new Map<LockName, Account>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This process had the lock for so long, and has just given it back. */
  gaveBack(name: LockName, heldMs: number): void {
    const before = this.#accounts.get(name)?.heldMs ?? 0;
    // At the end of the map, so that the first is the one that was not used for the longest time.
    this.#accounts.delete(name);
    this.#accounts.set(name, { heldMs: before + heldMs, freeSinceMs: this.#clock.nowMs() });
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size > mostNames && oldest !== undefined) this.#accounts.delete(oldest);
  }

  /** Before the lock is asked for: resolves once it was left alone for long enough. */
  async leave(name: LockName, signal: AbortSignal): Promise<void> {
    const account = this.#accounts.get(name);
    if (account === undefined) return;
    const roomMs = Math.min(mostRoomMs, account.heldMs * roomShare);
    if (roomMs < leastRoomMs) return;
    const leftMs = account.freeSinceMs + roomMs - this.#clock.nowMs();
    if (leftMs > 0) await delay(leftMs, signal);
    this.#accounts.delete(name);
  }
}
