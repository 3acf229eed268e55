import { abortReason, childAbort, delay, sharedAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Health } from '../kernel/component.ts';
import { KeyedMutex } from '../kernel/keyed-mutex.ts';
import type { Logger } from '../log/logger.ts';
import {
  CoordinationError,
  LockTimeoutError,
  type AcquireOptions,
  type Coordinator,
  type Guarantees,
  type Holder,
  type Lease,
} from './coordinator.ts';
import { HeldLease } from './held-lease.ts';
import type { LeaseMargin } from './lease-margin.ts';
import type { HeldLock, LockBackend } from './lock-backend.ts';
import { sortLockNames, wireName, type LockName } from './lock-names.ts';
import { RoomForOthers } from './room-for-others.ts';

/** Longest delay that a timer takes; a longer wait is one without a deadline. */
const longestTimerMs = 2 ** 31 - 1;

/** The pause before locks that were lost during a wait are taken again. */
const retakeMs = 50;

export interface LockCoordinatorOptions {
  readonly backend: LockBackend;
  readonly clock: Clock;
  readonly log: Logger;
  /** Taken off every proof: what a renewal's answer, a timer and a last commit may be late together. */
  readonly margin: LeaseMargin;
}

/** One acquisition that has not ended yet. */
interface Wait {
  /** The name that is being waited for now. */
  name: LockName | undefined;
  readonly signal: AbortSignal;
}

/**
 * The frame around every lock backend: queues first come first served in this process, takes the names sorted and
 * all or none, puts deadlines on waits, and makes leases of what was won.
 */
export class LockCoordinator implements Coordinator {
  readonly name = 'coordination';
  readonly #backend: LockBackend;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #margin: LeaseMargin;
  readonly #queues = new KeyedMutex<LockName>();
  readonly #room: RoomForOthers;
  readonly #leases = new Set<HeldLease>();
  readonly #waits = new Set<Wait>();
  /** Who waits for the next release. */
  readonly #releases = new Set<() => void>();
  readonly #stopping = sharedAbort();
  #running = false;

  constructor(options: LockCoordinatorOptions) {
    this.#backend = options.backend;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#margin = options.margin;
    this.#room = new RoomForOthers(options.clock);
  }

  get guarantees(): Guarantees {
    return this.#backend.guarantees;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#backend.start(signal);
    this.#margin.start();
    this.#running = true;
  }

  /**
   * Ends waits, tells the work under leases that are left to stop, and lets the backend go when it has stopped. Work
   * that has not given its lease back when `force` aborts keeps its locks: the backend must not hand them to others
   * while it may still write, and they end with the process, the session or the TTL.
   */
  async stop(how: { force: AbortSignal }): Promise<void> {
    this.#running = false;
    this.#stopping.abort(new CoordinationError('the coordinator is stopping'));
    for (const lease of this.#leases) lease.lose('the coordinator is stopping');
    while (this.#leases.size > 0 && !how.force.aborted) await this.#nextRelease(how.force);
    for (const lease of this.#leases)
      this.#log.warn({ locks: lease.names }, 'a lease was not given back before the stop');
    this.#margin.stop();
    await this.#backend.stop(how);
  }

  health(): Health {
    return this.#running ? this.#backend.health() : { ok: false, detail: 'not running' };
  }

  holders(): Promise<readonly Holder[]> {
    return this.#backend.holders();
  }

  local(): { readonly held: readonly LockName[]; readonly waiting: readonly LockName[] } {
    return {
      held: [...this.#leases].flatMap((lease) => lease.names),
      waiting: [...this.#waits].flatMap(({ name }) => (name === undefined ? [] : [name])),
    };
  }

  async acquire(names: readonly LockName[], options: AcquireOptions): Promise<Lease> {
    if (!this.#running) throw new CoordinationError('the coordinator is not running');
    const sorted = sortLockNames(names);
    const ending = childAbort(options.signal, this.#stopping.signal);
    const wait: Wait = { name: sorted[0], signal: ending.signal };
    const timer = this.#deadline(wait, options.waitMs, (error) => ending.abort(error));
    this.#waits.add(wait);
    try {
      return await this.#acquireSorted(sorted, wait);
    } finally {
      this.#waits.delete(wait);
      clearTimeout(timer);
      ending.detach();
    }
  }

  #deadline(wait: Wait, waitMs: number | 'forever', end: (error: Error) => void): NodeJS.Timeout | undefined {
    const { name } = wait;
    if (name === undefined || waitMs === 'forever' || waitMs > longestTimerMs) return undefined;
    return setTimeout(() => end(new LockTimeoutError(wait.name ?? name, waitMs)), waitMs);
  }

  /**
   * Until every name is ours at one moment. A lock that was won first can be lost while a later one is waited for;
   * nothing was done under it yet, so all are taken again. Our places in this process's queues are kept meanwhile:
   * whoever came later does not get ahead of us by our bad luck.
   */
  async #acquireSorted(sorted: readonly LockName[], wait: Wait): Promise<Lease> {
    const places: Places = new Map();
    try {
      for (;;) {
        const locks = await this.#takeAll(sorted, wait, places);
        const provenMs = Math.min(...locks.map((lock) => lock.proof.untilMs())) - this.#margin.ms();
        if (provenMs > this.#clock.nowMs() && !wait.signal.aborted) return this.#lease(sorted, locks, places);
        await giveBack(locks);
        if (wait.signal.aborted) throw abortReason(wait.signal);
        this.#log.warn({ locks: sorted }, 'locks were lost while others were waited for; taking them again');
        await delay(retakeMs, wait.signal);
      }
    } catch (error) {
      leaveAll(places);
      throw error;
    }
  }

  async #takeAll(sorted: readonly LockName[], wait: Wait, places: Places): Promise<readonly HeldLock[]> {
    for (const name of sorted) {
      wait.name = name;
      if (!places.has(name)) places.set(name, await this.#queues.acquire(name, wait.signal));
    }
    return (await this.#takeAtOnce(sorted, wait.signal)) ?? this.#takeInTurn(sorted, wait);
  }

  /** All in one round trip where the service can and all are free; undefined, with nothing taken, otherwise. */
  async #takeAtOnce(sorted: readonly LockName[], signal: AbortSignal): Promise<readonly HeldLock[] | undefined> {
    const backend = this.#backend;
    if (sorted.length < 2 || backend.tryOne === undefined) return undefined;
    const tries = await Promise.allSettled(sorted.map(async (name) => backend.tryOne?.(wireName(name), signal)));
    const locks = tries.flatMap((tried) => (tried.status === 'fulfilled' ? (tried.value ?? []) : []));
    if (locks.length === sorted.length) return locks;
    await giveBack(locks);
    for (const tried of tries) if (tried.status === 'rejected') throw tried.reason;
    return undefined;
  }

  /** One after the other, in the order that all members keep, so that nobody waits for anybody in a circle. */
  async #takeInTurn(sorted: readonly LockName[], wait: Wait): Promise<readonly HeldLock[]> {
    const locks: HeldLock[] = [];
    try {
      for (const name of sorted) {
        wait.name = name;
        if (!this.#backend.guarantees.fifo) await this.#room.leave(name, wait.signal);
        locks.push(await this.#backend.acquireOne(wireName(name), wait.signal));
      }
      return locks;
    } catch (error) {
      await giveBack(locks);
      throw error;
    }
  }

  #lease(names: readonly LockName[], locks: readonly HeldLock[], places: Places): Lease {
    const sinceMs = this.#clock.nowMs();
    const lease = new HeldLease({
      names,
      locks,
      clock: this.#clock,
      margin: this.#margin,
      onReleased: () => {
        this.#leases.delete(lease);
        const heldMs = this.#clock.nowMs() - sinceMs;
        for (const name of names) this.#room.gaveBack(name, heldMs);
        leaveAll(places);
        this.#releases.forEach((wake) => wake());
      },
    });
    this.#leases.add(lease);
    return lease;
  }

  /** Resolves at the next release, or when `force` aborts. */
  #nextRelease(force: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#releases.delete(wake);
        force.removeEventListener('abort', wake);
        resolve();
      };
      this.#releases.add(wake);
      force.addEventListener('abort', wake);
    });
  }
}

/** Our places at the heads of this process's own queues, by name, each with the way to leave it. */
type Places = Map<LockName, () => void>;

/** After the backend's locks were given back: the next in our own queue must find them free. */
function leaveAll(places: Places): void {
  for (const leave of places.values()) leave();
}

async function giveBack(locks: readonly HeldLock[]): Promise<void> {
  await Promise.all(locks.map((lock) => lock.release()));
}
