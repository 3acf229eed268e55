import { CoordinationError, LockTimeoutError, type Coordinator } from './coordinator.ts';
import type { LockName } from './lock-names.ts';

/**
 * What came of trying for a lock that somebody else should hold. `unproven`: not had, but the lock service was too
 * slow, or away, for that to mean anything.
 */
export type TryOutcome = 'refused' | 'had' | 'unproven';

export interface TryOptions {
  /** A name that nobody holds for longer than a round trip. */
  readonly control: LockName;
  /** So long a lock is waited for before it counts as refused. */
  readonly tryMs: number;
  readonly signal: AbortSignal;
}

/**
 * Tries for each of `names` and gives back at once what could be had. A refusal counts only if a free lock could be
 * had in the same time just after: otherwise a service that hangs would look like one that keeps us out.
 */
export async function tryLocks(
  coordinator: Coordinator,
  names: readonly LockName[],
  options: TryOptions,
): Promise<ReadonlyMap<LockName, TryOutcome>> {
  const had = await Promise.all(names.map((name) => canTake(coordinator, name, options)));
  const answers = had.every(Boolean) || (await canTake(coordinator, options.control, options));
  return new Map(names.map((name, index) => [name, had[index] === true ? 'had' : answers ? 'refused' : 'unproven']));
}

/** False also where the service failed: the control lock fails with it. */
async function canTake(coordinator: Coordinator, name: LockName, { tryMs, signal }: TryOptions): Promise<boolean> {
  try {
    const lease = await coordinator.acquire([name], { waitMs: tryMs, signal });
    await lease.release();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LockTimeoutError || error instanceof CoordinationError)) throw error;
    return false;
  }
}
