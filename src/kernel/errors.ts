/**
 * What is known about the effect of a step that threw.
 *
 * - `not-started`: nothing was changed; doing it again is safe and so is giving up.
 * - `failed`: it was tried and is known not to have happened (or to have been undone).
 * - `unknown`: it may have happened. Look at the backend and the row; never report it either way.
 */
export type Outcome = 'not-started' | 'failed' | 'unknown';

/** The base of every error that this program raises on purpose. */
export abstract class AppError extends Error {
  /** Stable, for logs and metrics; upper-case words joined by `_`. */
  abstract readonly code: string;
  readonly outcome: Outcome;

  constructor(message: string, options: ErrorOptions & { outcome?: Outcome } = {}) {
    super(message, options);
    this.name = new.target.name;
    this.outcome = options.outcome ?? 'failed';
  }
}

/** A wait was ended by its deadline. The awaited thing may still happen. */
export class TimeoutError extends AppError {
  readonly code = 'TIMEOUT';
  constructor(what: string, afterMs: number) {
    super(`${what}: no answer within ${afterMs} ms`, { outcome: 'unknown' });
  }
}

/** Input from outside (a message, a row, a file, an option) is not what it must be. Names the field and the fix. */
export class InvalidInputError extends AppError {
  readonly code = 'INVALID_INPUT';
  readonly field: string;
  constructor(field: string, problem: string, options: ErrorOptions = {}) {
    super(`${field}: ${problem}`, { ...options, outcome: 'not-started' });
    this.field = field;
  }
}

/** The text of anything that was thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Makes an `Error` of anything that was thrown, keeping it if it is one. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Whether an error is the system's, with this `errno` name (`ENOENT`, `EEXIST`, …). */
export function isErrno(thrown: unknown, ...names: readonly string[]): boolean {
  return thrown instanceof Error && 'code' in thrown && names.includes(String(thrown.code));
}
