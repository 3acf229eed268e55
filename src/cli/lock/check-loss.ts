import { LockTimeoutError, type Coordinator } from '../../coordination/coordinator.ts';
import { lockName, type LockName } from '../../coordination/lock-names.ts';
import { tryLocks } from '../../coordination/meet-try.ts';
import type { Finding } from './finding.ts';
import type { LockOwner } from './lock-owner.ts';

/** The same names at every check, because some lock services keep a name for ever. */
export const checkNames = {
  turn: lockName('aa-check'),
  speed: lockName('aa-check-speed'),
  control: lockName('aa-check-control'),
  frozen: lockName('aa-check-frozen'),
  killed: lockName('aa-check-killed'),
} as const;

/** How long a lock lasts without its owner: the proof that it had, and the margin that was taken off it. */
export interface Lasts {
  readonly provenForMs: number;
  readonly marginMs: number;
}

export interface Expiry {
  /** Who waits for the lock. */
  readonly by: Coordinator;
  readonly lasts: Lasts;
  readonly signal: AbortSignal;
}

/** Beyond its life a lock may go to the next one so much later: the server's own grain, and a poll. */
const slackMs = 15_000;
/** How long a frozen owner is waited for whose lock does not run out. */
const keepsMs = 2_000;
/** How soon an owner must know of a loss, once it runs again, and how soon it must be able to lock again. */
const noticedWithinMs = 5_000;
const recoveredWithinMs = 60_000;

/** A lock that another process holds must be refused to us. */
export async function checkRefusal(coordinator: Coordinator, signal: AbortSignal): Promise<Finding> {
  const how = { control: checkNames.control, tryMs: 1000, signal };
  const outcome = (await tryLocks(coordinator, [checkNames.frozen], how)).get(checkNames.frozen);
  const about = 'excluded';
  if (outcome === 'refused') return { level: 'ok', about, text: 'a lock of another process is refused' };
  if (outcome === 'had') return { level: 'problem', about, text: 'a lock that another process holds could be had' };
  return { level: 'problem', about, text: 'the lock service is too slow: not even a free lock was to be had in 1 s' };
}

/**
 * The owner is stopped as a whole (SIGSTOP), as a hung host is. Either its lock stays its own, or it goes to somebody
 * else: then the owner must know that as soon as it goes on, and be able to lock again.
 */
export async function checkFreeze(owner: LockOwner, { by, lasts, signal }: Expiry): Promise<readonly Finding[]> {
  const about = 'owner frozen';
  owner.freeze();
  const sinceMs = performance.now();
  const endless = lasts.provenForMs === Infinity;
  const limitMs = endless ? keepsMs : lasts.provenForMs + lasts.marginMs + slackMs;
  const lease = await acquire(by, checkNames.frozen, limitMs, signal);
  if (lease === undefined) {
    owner.thaw();
    if (endless) return [{ level: 'ok', about, text: 'it keeps its lock, which ends with its process only' }];
    return [{ level: 'problem', about, text: `its lock was not to be had after ${seconds(limitMs)}` }];
  }
  const tookMs = performance.now() - sinceMs;
  owner.thaw();
  const findings: Finding[] = [];
  try {
    await owner.next('lost', noticedWithinMs, signal);
    findings.push({
      level: 'ok',
      about,
      text: `its lock was to be had after ${seconds(tookMs)}, and it knew of the loss`,
    });
  } catch (error) {
    signal.throwIfAborted();
    findings.push({
      level: 'problem',
      about,
      text: `its lock was to be had after ${seconds(tookMs)}, and it did not notice: ${String(error)}`,
    });
    return findings;
  } finally {
    await lease.release();
  }
  return [...findings, await checkRecovery(owner, signal)];
}

async function checkRecovery(owner: LockOwner, signal: AbortSignal): Promise<Finding> {
  const sinceMs = performance.now();
  const about = 'recovered';
  try {
    await owner.next('held', recoveredWithinMs, signal);
    return {
      level: 'ok',
      about,
      text: `it had a lock again, without a restart, after ${seconds(performance.now() - sinceMs)}`,
    };
  } catch {
    signal.throwIfAborted();
    return { level: 'problem', about, text: `it had no lock again within ${seconds(recoveredWithinMs)}` };
  }
}

/** A dead owner's lock must end, after no longer than it lasts. */
export async function checkDeath(owner: LockOwner, { by, lasts, signal }: Expiry): Promise<readonly Finding[]> {
  const about = 'owner killed';
  await owner.kill();
  const sinceMs = performance.now();
  const lifeMs = lasts.provenForMs === Infinity ? 0 : lasts.provenForMs + lasts.marginMs;
  const lease = await acquire(by, checkNames.killed, lifeMs + slackMs, signal);
  if (lease === undefined) {
    return [{ level: 'problem', about, text: `its lock was not to be had after ${seconds(lifeMs + slackMs)}` }];
  }
  await lease.release();
  return [{ level: 'ok', about, text: `its lock was to be had after ${seconds(performance.now() - sinceMs)}` }];
}

async function acquire(by: Coordinator, name: LockName, waitMs: number, signal: AbortSignal) {
  try {
    return await by.acquire([name], { waitMs, signal });
  } catch (error) {
    if (error instanceof LockTimeoutError) return undefined;
    throw error;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
