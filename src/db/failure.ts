import { messageOf, toError, type Outcome } from '../kernel/errors.ts';
import { DatabaseError } from './database.ts';

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
  const sqlState = sqlStateOf(thrown);
  const answered = sqlState !== undefined && (!isLoss(sqlState) || sqlState === idleTooLong);
  return new DatabaseError(`database: ${messageOf(thrown)}`, {
    cause: toError(thrown),
    // An answer says that the statement was undone; without one only the stage tells.
    outcome: answered && stage === 'commit' ? 'failed' : effect[stage],
    ...(sqlState === undefined ? {} : { sqlState }),
  });
}

/** The server has undone a transaction that lay idle too long, before any commit: a loss with a certain outcome. */
const idleTooLong = '25P03';

/** The victim of a deadlock or of a conflict: undone by the server, and worth another try as it stands. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && ['40001', '40P01', '55P03'].includes(error.sqlState ?? '');
}

/** The connection went, and it is certain that nothing was done: a new connection may try. */
export function isHarmlessLoss(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.outcome === 'unknown') return false;
  return error.sqlState === undefined ? error.outcome === 'failed' : isLoss(error.sqlState);
}

/** SQLSTATEs after which the connection is no more: connection exceptions, shutdown, time-outs of an idle session. */
function isLoss(sqlState: string): boolean {
  return sqlState.startsWith('08') || sqlState.startsWith('57P') || sqlState === idleTooLong;
}

function sqlStateOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('severity' in thrown)) return undefined;
  return typeof thrown.code === 'string' && /^[0-9A-Z]{5}$/.test(thrown.code) ? thrown.code : undefined;
}
