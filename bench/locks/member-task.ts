/** What a member process does when it is told to go: JSON in its arguments, read by both kinds of members. */
export type MemberTask = TurnsTask | ChangesTask;

/** Takes one lock again and again, and holds it for a moment. */
export interface TurnsTask {
  readonly kind: 'turns';
  readonly url: string;
  readonly lock: string;
  readonly seconds: number;
  readonly holdMs: number;
  /** A file whose number is read and written under the lock, one larger; none: null. */
  readonly counter: string | null;
}

/** Changes rows from available to deleting and back, each of them by several workers at a time. */
export interface ChangesTask {
  readonly kind: 'changes';
  /** Null: no lock, the database decides. */
  readonly url: string | null;
  readonly databaseUrl: string;
  readonly method: Method;
  /** One worker each. */
  readonly rows: readonly string[];
  readonly changes: number;
  readonly connections: number;
  /** Whatever is not done by then is left. */
  readonly seconds: number;
}

export const methods = ['compare-and-set', 'select for update', 'lock, change', 'lock, whole'] as const;
/**
 * - `compare-and-set`: one UPDATE with the expected status in its condition.
 * - `select for update`: the row is locked in the database, looked at and changed, in one transaction.
 * - `lock, change`: the lock is held for each change of the status: look, change, release.
 * - `lock, whole`: the lock is held from the first change until after the second.
 */
export type Method = (typeof methods)[number];

/** One acquisition, in nanoseconds of CLOCK_MONOTONIC: asked for, had, work done, given back. */
export type Turn = readonly [asked: number, had: number, done: number, gone: number];

/** What a member prints at its end, as one line of JSON: in each kind of task one list. */
export interface MemberResult {
  readonly turns: readonly Turn[];
  /** Per change: the milliseconds until the row was ours, and until it was given back. */
  readonly changes: readonly (readonly [acquireMs: number, releaseMs: number])[];
  /** From `go` until the last of its work. */
  readonly seconds: number;
}
