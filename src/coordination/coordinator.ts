import type { Component } from '../kernel/component.ts';
import { AppError } from '../kernel/errors.ts';
import type { LockName } from './lock-names.ts';

/** What a backend promises; shown to operators and checked against the configuration. */
export interface Guarantees {
  /** How far exclusion reaches. */
  readonly scope: 'process' | 'host' | 'cluster';
  /** Whether a lock survives the lock server's failover (false: the server may forget acknowledged locks). */
  readonly survivesFailover: boolean;
  /** Whether waiters of different processes are served in the order in which they came. */
  readonly fifo: boolean;
}

/** A lock that somebody holds or waits for, as far as the backend can tell. */
export interface Holder {
  /** The lock's wire name (`cinder-…`). */
  readonly name: string;
  /** The backend's words for the holder: a member id, a pid, a session. */
  readonly holder?: string;
  readonly ageMs?: number;
  readonly waiters?: number;
}

/**
 * Proof that this process owns some locks, until a known instant.
 *
 * Ownership is counted from when the last confirmed renewal was *sent*, on a clock that goes on while the machine
 * sleeps, minus a safety margin. `signal` aborts with `LeaseLostError` at the latest when that proof runs out; timers
 * can be late, so before anything irreversible call `assertHeld`, which compares the clock itself.
 */
export interface Lease extends AsyncDisposable {
  readonly names: readonly LockName[];
  readonly signal: AbortSignal;
  /** On `Clock.nowMs`; `Infinity` where the kernel itself ends the lock with the process (local file locks). */
  readonly provableUntilMs: number;
  /** Throws `LeaseLostError` unless ownership is provable right now. */
  assertHeld(): void;
  /** Gives the locks back; safe twice. `lost`: they were not ours any more. */
  release(): Promise<'released' | 'lost'>;
}

export interface AcquireOptions {
  /** How long to wait in all; `LockTimeoutError` after that. */
  readonly waitMs: number | 'forever';
  /** Ends the wait and leaves nothing behind. */
  readonly signal: AbortSignal;
}

export interface Coordinator extends Component {
  readonly guarantees: Guarantees;
  /** Takes all names or none, each once, in sorted order. Never resolves without the locks. */
  acquire(names: readonly LockName[], options: AcquireOptions): Promise<Lease>;
  /** What this backend knows of locks now, ours and others'. */
  holders(): Promise<readonly Holder[]>;
  /** What this process holds and waits for. */
  local(): { readonly held: readonly LockName[]; readonly waiting: readonly LockName[] };
}

export class LeaseLostError extends AppError {
  readonly code = 'LEASE_LOST';
  constructor(names: readonly LockName[], why: string) {
    super(`lost the lock on ${names.join(', ')}: ${why}`, { outcome: 'unknown' });
  }
}

export class LockTimeoutError extends AppError {
  readonly code = 'LOCK_TIMEOUT';
  constructor(name: LockName, waitMs: number) {
    super(`lock ${name} was not to be had within ${waitMs} ms`, { outcome: 'not-started' });
  }
}

/** The lock service cannot be reached or refuses us. */
export class CoordinationError extends AppError {
  readonly code = 'COORDINATION';
  constructor(problem: string, options: ErrorOptions = {}) {
    super(problem, { ...options, outcome: 'not-started' });
  }
}
