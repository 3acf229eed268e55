import type { Config } from '../../config/load.ts';
import { LockTimeoutError, type Coordinator, type Lease } from '../../coordination/coordinator.ts';
import type { LockName } from '../../coordination/lock-names.ts';
import type { CommandIo } from '../command-io.ts';
import { runGuarded } from './guarded-command.ts';
import { openCoordinator } from './open-coordinator.ts';

/**
 * Exit codes of `lock run` itself, where programs seldom have theirs; 124 and 125 as timeout(1) has them. A command
 * that cannot be run gives 126 or 127, one that a signal killed 128 and the signal's number.
 */
export const lockRunExit = { lost: 123, notGot: 124, failed: 125 } as const;

/** With less, a lock that is free could count as not to be had, because its server is a little slow. */
const shortestWaitMs = 1000;

export interface LockRun {
  readonly name: LockName;
  readonly argv: readonly string[];
  readonly waitMs: number | 'forever';
}

/** Takes the lock, runs the command, gives the lock back; resolves with the exit code. */
export async function runUnderLock(run: LockRun, config: Config, io: CommandIo): Promise<number> {
  const { coordinator, close } = await openCoordinator(config, io);
  try {
    const lease = await take(coordinator, run, io);
    if (lease === undefined) return lockRunExit.notGot;
    const killAfterMs = config.settings.coordination.safetyMarginMs;
    let code: number;
    try {
      code = await runGuarded({ argv: run.argv, lease, killAfterMs, signal: io.signal });
    } catch (error) {
      await lease.release();
      throw error;
    }
    if ((await lease.release()) === 'released') return code;
    io.complain(`error: the lock ${run.name} was lost while the command ran (its exit code: ${code})`);
    return lockRunExit.lost;
  } finally {
    await close();
  }
}

async function take(coordinator: Coordinator, run: LockRun, io: CommandIo): Promise<Lease | undefined> {
  const waitMs = run.waitMs === 'forever' ? run.waitMs : Math.max(run.waitMs, shortestWaitMs);
  try {
    return await coordinator.acquire([run.name], { waitMs, signal: io.signal });
  } catch (error) {
    if (!(error instanceof LockTimeoutError)) throw error;
    io.complain(`error: ${error.message}`);
    return undefined;
  }
}
