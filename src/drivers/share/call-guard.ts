import { AppError, type Outcome } from '../../kernel/errors.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Deadline } from './share-protocol.ts';

/** Why a call ended in the helper, with the code that its answer carries. */
export class CallError extends AppError {
  readonly code: string;
  constructor(code: string, message: string, outcome: Outcome) {
    super(message, { outcome });
    this.code = code;
  }
}

/**
 * Errors by which a server says no: the call had no effect, and it is for the operation to say what that means. Any other
 * leaves everything open, also where it was only to look: a server that comes back (EIO, ESTALE, ETIMEDOUT), or a
 * machine that lacks something at the moment (EMFILE, ENOMEM), says nothing of what is on the share.
 */
const refusals = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO'],
  ...['EMLINK', 'ENAMETOOLONG', 'EXDEV', 'EINVAL', 'EFBIG', 'ENOTEMPTY', 'EBUSY', 'ENOTSUP', 'ENOSYS', 'ENODEV'],
]);

/** One call's right to have an effect: until its deadline, which moves, and until it is aborted. */
export class CallGuard {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #deadlineMs: Deadline;

  constructor(clock: Clock, deadlineMs: Deadline) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  /** Aborts when main says so, or when the deadline was seen to have passed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  renew(deadlineMs: Deadline): void {
    this.#deadlineMs = deadlineMs;
  }

  abort(): void {
    this.#controller.abort(new CallError('ABORTED', 'given up', 'not-started'));
  }

  /** @throws CallError once the call may have no effect any more */
  assert(): void {
    this.checkDeadline();
    this.#controller.signal.throwIfAborted();
  }

  /** Aborts if the deadline has passed. */
  checkDeadline(): void {
    if (this.#deadlineMs !== null && this.#clock.nowMs() >= this.#deadlineMs) {
      // Of the operation nothing is known: a lock that is late is no refusal, and a renewal may follow. It runs again.
      this.#controller.abort(new CallError('DEADLINE', 'the locks can no longer be proven', 'unknown'));
    }
  }

  /** The one system call that makes a step visible: checked just before. */
  async commit<T>(call: () => Promise<T>): Promise<T> {
    this.assert();
    return call();
  }
}

/** The only place that tells a refusal from a doubt. */
export function toCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  if (error instanceof AppError) return new CallError(error.code, error.message, error.outcome);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EUNKNOWN';
  const message = error instanceof Error ? error.message : String(error);
  return new CallError(code, message, refusals.has(code) ? 'failed' : 'unknown');
}
