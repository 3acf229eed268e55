import { sharedAbort } from '../kernel/abort.ts';
import type { Clock } from '../kernel/clock.ts';
import { LeaseLostError, type Lease } from './coordinator.ts';
import type { LeaseMargin } from './lease-margin.ts';
import type { HeldLock, ReleaseResult } from './lock-backend.ts';
import type { LockName } from './lock-names.ts';

/**
 * The longest that the watch sleeps: timers stand still while the machine is suspended and the lease's clock does
 * not, so a proof that ran out meanwhile is found at most this long after waking up.
 */
const longestNapMs = 1000;

/**
 * A lease's life:
 *
 *     held ──(proof runs out · the backend reports a loss · the coordinator stops)──▶ lost
 *       └──(release)──▶ released ◀──(release, which then says `lost`)──────────────────┘
 *
 * `signal` aborts on the way to `lost` and at no other time. Nothing leads back to `held`: a renewal confirmed after
 * the proof had run out comes too late, because somebody else may have owned the lock in between.
 */
export class HeldLease implements Lease {
  readonly names: readonly LockName[];
  readonly #locks: readonly HeldLock[];
  readonly #clock: Clock;
  readonly #margin: Pick<LeaseMargin, 'ms'>;
  readonly #onReleased: () => void;
  #lost: LeaseLostError | undefined;
  /** Made when somebody asks for it: it costs a good part of what a lock costs. */
  #loss: AbortController | undefined;
  #watch: NodeJS.Timeout | undefined;
  #release: Promise<ReleaseResult> | undefined;

  /** @param options.onReleased called once, after the locks were given back to the backend */
  constructor(options: {
    names: readonly LockName[];
    locks: readonly HeldLock[];
    clock: Clock;
    margin: Pick<LeaseMargin, 'ms'>;
    onReleased: () => void;
  }) {
    this.names = options.names;
    this.#locks = options.locks;
    this.#clock = options.clock;
    this.#margin = options.margin;
    this.#onReleased = options.onReleased;
    for (const lock of this.#locks) lock.onLost((why) => this.lose(why));
    this.#watchProof();
  }

  get signal(): AbortSignal {
    this.#loss ??= sharedAbort();
    if (this.#lost !== undefined) this.#loss.abort(this.#lost);
    return this.#loss.signal;
  }

  get provableUntilMs(): number {
    return this.#lost !== undefined ? -Infinity : this.#provenMs();
  }

  assertHeld(): void {
    if (this.#release !== undefined) throw new LeaseLostError(this.names, 'it was given back');
    this.#loseIfUnproven();
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Ends the lease: its work is told to stop. The locks stay taken until `release`, which says that it has. */
  lose(why: string): void {
    if (this.#release !== undefined || this.#lost !== undefined) return;
    clearTimeout(this.#watch);
    this.#lost = new LeaseLostError(this.names, why);
    this.#loss?.abort(this.#lost);
  }

  release(): Promise<ReleaseResult> {
    if (this.#release === undefined) {
      this.#loseIfUnproven();
      clearTimeout(this.#watch);
      this.#release = this.#giveBack(this.#lost !== undefined);
    }
    return this.#release;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #giveBack(wasLost: boolean): Promise<ReleaseResult> {
    const results = await Promise.all(this.#locks.map((lock) => lock.release()));
    this.#onReleased();
    return wasLost || results.includes('lost') ? 'lost' : 'released';
  }

  #provenMs(): number {
    return Math.min(...this.#locks.map((lock) => lock.proof.untilMs())) - this.#margin.ms();
  }

  #loseIfUnproven(): void {
    if (this.#clock.nowMs() >= this.#provenMs()) this.lose('the lock service has confirmed nothing for too long');
  }

  #watchProof(): void {
    this.#loseIfUnproven();
    if (this.#lost !== undefined) return;
    const leftMs = this.#provenMs() - this.#clock.nowMs();
    if (leftMs === Infinity) return;
    // Rounded down: late is not allowed, early only looks once more.
    this.#watch = setTimeout(() => this.#watchProof(), Math.max(1, Math.min(Math.floor(leftMs), longestNapMs)));
    this.#watch.unref();
  }
}
