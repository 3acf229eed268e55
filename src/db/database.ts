import type { Component } from '../kernel/component.ts';
import type { Timestamp } from '../domain/rows.ts';
import { AppError } from '../kernel/errors.ts';
import type { CustodyRepositories } from './ports/custody.ts';
import type { GroupRepositories } from './ports/groups.ts';
import type { ResourceRepositories } from './ports/resources.ts';
import type { ServiceRepositories } from './ports/services.ts';

/** Every named statement there is, by family. */
export interface Repositories
  extends CustodyRepositories, ResourceRepositories, GroupRepositories, ServiceRepositories {}

/**
 * The database. Outside a transaction each call is a statement of its own. Deadlocks and serialization failures are
 * retried inside; a lost connection is reported as `DatabaseError` with `outcome: 'unknown'` when a write was under
 * way, because the server may have committed it.
 */
export interface Database extends Component, Repositories {
  /**
   * Runs `work` in one transaction, all or nothing. `work` may run more than once (a deadlock's victim), so it has no
   * effect of its own. After an unknown outcome it is *not* run again: look first.
   */
  transaction<T>(work: (statements: Repositories) => Promise<T>): Promise<T>;
  /** The database's clock: the one that all replicas share. */
  time(): Promise<Timestamp>;
}

/** An error of the server's own. */
export interface ServerAnswer {
  /** PostgreSQL's SQLSTATE, MariaDB's error number. */
  readonly code: string;
  /**
   * - `conflict`: victim of a deadlock or of another transaction, undone.
   * - `loss`: the connection is no more; what it was about may be done.
   * - `idle-too-long`: a loss as well, of a transaction that was undone before any commit.
   * - `in-doubt`: the server cannot say whether it is done.
   * - `denied`: the user may not. `refusal`: anything else, nothing was done.
   */
  readonly means: 'conflict' | 'loss' | 'idle-too-long' | 'in-doubt' | 'denied' | 'refusal';
}

/** The database is away, answered with an error of its own, or its answer got lost (`outcome: 'unknown'`). */
export class DatabaseError extends AppError {
  readonly code = 'DATABASE';
  /** Undefined: the server said nothing. */
  readonly answer: ServerAnswer | undefined;
  constructor(
    message: string,
    options: ErrorOptions & { outcome: 'not-started' | 'failed' | 'unknown'; answer?: ServerAnswer | undefined },
  ) {
    super(message, options);
    this.answer = options.answer;
  }
}

/** A claim or a token is not the newest any more: somebody else carries this work on, and we must not touch it. */
export class ClaimLostError extends AppError {
  readonly code = 'CLAIM_LOST';
  constructor(what: string) {
    super(`${what} was taken over by another owner`, { outcome: 'unknown' });
  }
}
