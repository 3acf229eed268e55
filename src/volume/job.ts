import type { LockName } from '../coordination/lock-names.ts';
import type { JournalEntry } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import type { JsonObject } from '../domain/json.ts';

/**
 * Where an entry stands in this replica:
 *
 *     pausing ─▶ locking ─▶ queued ─▶ running ◀─▶ parked
 *        ▲          └──────────┴─────────┴─(nothing definite)─┐
 *        └────────────────────────────────────────────────────┘
 *
 * `pausing`: it failed here before and waits for its next try. `locking`: it waits for locks. `queued`: it has them
 * and waits for a slot. Only `running` uses a slot.
 */
export type JobState = 'pausing' | 'locking' | 'queued' | 'running' | 'parked';

/** What the fresh message had decoded already, the caller's token included; others decode the journal's text. */
export interface Decoded {
  readonly plain: JsonObject;
  readonly context: RequestContext;
}

/** An entry that this replica carries, from its arrival here until it ended or was given back. */
export interface Job {
  readonly entry: JournalEntry;
  readonly decoded: Decoded | undefined;
  readonly sinceMs: number;
  state: JobState;
  locks: readonly LockName[];
  /** It was handed to us once more while it was being given back: it is ours again. */
  again: boolean;
}

/** One line of `/v1/status`. */
export interface JobStatus {
  readonly entryId: string;
  readonly method: string;
  readonly backend: string;
  readonly resource: string;
  readonly requestId: string | null;
  readonly origin: JournalEntry['origin'];
  readonly state: JobState;
  readonly locks: readonly string[];
  /** How long it has been here. */
  readonly ageMs: number;
  /** Tries that ended without a definite result, and the last one's error. */
  readonly attempts: number;
  readonly lastError: string | null;
}
