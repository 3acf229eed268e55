import type { Clock } from '../kernel/clock.ts';
import type { Component } from '../kernel/component.ts';
import type { Guarantees, Holder } from './coordinator.ts';
import { ProofCell } from './proof-cell.ts';

/**
 * What one lock service has to do; all else (order of names, queues in the process, deadlines, leases) is the common
 * frame's. One file per service in `drivers/`, which speaks the service's protocol and nothing more.
 */
export interface LockBackend extends Component {
  /** May be asked once `start` has resolved. */
  readonly guarantees: Guarantees;

  /**
   * Waits until this wire name (`cinder-…`) is ours. The frame never asks twice at a time for one name.
   *
   * A service that is away is waited for; it is no error. When `signal` aborts, the call rejects with its reason at
   * once, and whatever was queued or even won is taken back (in the background, if the service is slow). Rejects with
   * `CoordinationError` only for what waiting does not mend: refused credentials, a path that is not writable.
   */
  acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock>;

  /**
   * The same without a wait: undefined where somebody has the lock or wants it. Only services have it that answer
   * several questions in one round trip, for the frame to ask for all locks of an operation at once.
   */
  tryOne?(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined>;

  /** What the service knows of locks now; throws `CoordinationError` if it cannot be asked. */
  holders(): Promise<readonly Holder[]>;
}

/** Until when something is provably ours, on `Clock.nowMs`; see `ProofCell`. */
export type Proof = Pick<ProofCell, 'untilMs'>;

/** One lock that we won. */
export interface HeldLock {
  /** Counted from when the last confirmed renewal was sent; the frame subtracts its safety margin. */
  readonly proof: Proof;
  /** Calls once, promptly, when the backend learns that the lock is gone (at once if it already knows). */
  onLost(listener: (why: string) => void): void;
  /**
   * Gives the lock back; never rejects. `lost`: the service said that it was not ours any more. If the service does
   * not answer, resolves after a bounded time and the backend sees to the removal in the background.
   */
  release(): Promise<ReleaseResult>;
}

export type ReleaseResult = 'released' | 'lost';

/** A lock's proof together with the news of its loss: the part of `HeldLock` that every backend shares. */
export class Custody {
  readonly proof: ProofCell;
  #why: string | undefined;
  #listener: ((why: string) => void) | undefined;

  constructor(proof = new ProofCell()) {
    this.proof = proof;
  }

  /** The lock is gone: the proof ends now and the listener hears of it. Later calls change nothing. */
  lose(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.proof.end();
    this.#listener?.(why);
  }

  get lost(): boolean {
    return this.#why !== undefined;
  }

  onLost(listener: (why: string) => void): void {
    this.#listener = listener;
    if (this.#why !== undefined) listener(this.#why);
  }

  /** The lock, for whoever won it. */
  asLock(release: () => Promise<ReleaseResult>): HeldLock & { readonly proof: ProofCell } {
    return { proof: this.proof, onLost: (listener) => this.onLost(listener), release };
  }

  /**
   * The end of a lock that its service forgets by itself after its time to live. `giveBack` answers whether it was ours;
   * where it fails, whether it reached the service or not, nobody else can have had the lock before our proof ran out.
   */
  async release(clock: Clock, giveBack: () => Promise<boolean>): Promise<ReleaseResult> {
    const wasProvenMs = this.proof.untilMs();
    this.proof.end();
    try {
      const ours = await giveBack();
      return ours && !this.lost ? 'released' : 'lost';
    } catch {
      return !this.lost && clock.nowMs() < wasProvenMs ? 'released' : 'lost';
    }
  }
}
