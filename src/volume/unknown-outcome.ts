import { DatabaseError } from '../db/database.ts';
import { AppError } from '../kernel/errors.ts';

/**
 * Whether nothing definite is known of what the thrown thing left behind, so that the entry must be looked at again
 * instead of being settled. Database errors always count: whatever the statement was, the entry's row has to be
 * written by the same database, and an operation's own findings are `CinderError`s. Errors that are not ours (a bug, a
 * library) count as well: nobody has said what they mean.
 */
export function isUnknownOutcome(thrown: unknown): boolean {
  if (!(thrown instanceof AppError) || thrown instanceof DatabaseError) return true;
  return thrown.outcome === 'unknown';
}
