import { messageOf, toError, type Outcome } from '../kernel/errors.ts';
import { DatabaseError } from './database.ts';
import { mariadbAnswer } from './mariadb/answer.ts';
import { postgresAnswer } from './postgres/answer.ts';

/** What was under way when something was thrown; it decides what a lost connection means. */
export type Stage =
  /** Waiting for a connection, or before the first statement. */
  | 'connect'
  /** A statement that changes nothing, or one of a transaction that has not been asked to commit. */
  | 'undone'
  /** A changing statement by itself, or a commit. */
  | 'commit';

const effect: Readonly<Record<Stage, Outcome>> = { connect: 'not-started', undone: 'failed', commit: 'unknown' };

/** Makes a `DatabaseError` of what driver, pool or server threw. Other errors (of `work`) are handed on as they are. */
export function databaseError(thrown: unknown, stage: Stage): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const answer = thrown instanceof Error ? (postgresAnswer(thrown) ?? mariadbAnswer(thrown)) : undefined;
  // An answer says that the statement was undone; without one, or with one that may be late, only the stage tells.
  const undone = answer !== undefined && answer.means !== 'loss' && answer.means !== 'in-doubt';
  return new DatabaseError(`database: ${messageOf(thrown)}`, {
    cause: toError(thrown),
    outcome: undone && stage === 'commit' ? 'failed' : effect[stage],
    answer,
  });
}

/** The victim of a deadlock or of a conflict: undone by the server, and worth another try as it stands. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && error.answer?.means === 'conflict';
}

/** The connection is no more. */
export function isLoss(error: DatabaseError): boolean {
  return error.answer === undefined || ['loss', 'idle-too-long'].includes(error.answer.means);
}

/** The connection went, and it is certain that nothing was done: a new connection may try. */
export function isHarmlessLoss(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.outcome === 'unknown') return false;
  return error.answer === undefined ? error.outcome === 'failed' : isLoss(error);
}
