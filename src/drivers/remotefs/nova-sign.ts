import type { Snapshot } from '../../domain/rows.ts';
import { CinderError } from '../../domain/exceptions.ts';
import { delay } from '../../kernel/abort.ts';
import { AppError, messageOf } from '../../kernel/errors.ts';
import type { Delegation, DriverWork } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';

/** What Nova writes once the guest's images are as they were asked for. */
const doneProgress = '90%';
/** The row is looked at every second at first, every five later. */
const pauseMs = (waitedMs: number): number => Math.min(5_000, Math.max(1_000, waitedMs / 10));

export type Sign = 'done' | 'failed' | 'none';

/** A call has none: nobody takes it over, so nobody could wait for the sign in its place. */
export function delegationOf({ delegation }: DriverWork): Delegation {
  if (delegation !== undefined) return delegation;
  const message = 'Refused: the chain of an attached volume is changed by journalled requests only.';
  throw new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}

/**
 * Sends a request to Nova. One whose outcome is unknown may have been taken: its sign is waited for like any other's. A
 * refusal is noted, so that whoever comes after an owner that ended in the middle of undoing knows of it.
 */
export async function askNova(
  request: () => Promise<void>,
  { id }: Snapshot,
  delegation: Delegation,
  { log }: DriverWork,
): Promise<void> {
  try {
    await request();
  } catch (error) {
    if (!(error instanceof AppError) || error.outcome !== 'unknown') {
      await delegation.noteRefusal(id, messageOf(error));
      return;
    }
    log.warn({ err: error }, 'It is not known whether Nova took the request; waiting for its sign');
  }
}

/** Waits in the snapshot's row for what Nova makes of the request. `status`: the row's as long as Nova is at it. */
export async function signOf(
  snapshot: Snapshot,
  status: 'creating' | 'deleting',
  limitMs: number,
  { clock }: RemoteFsParts,
  work: DriverWork,
  delegation: Delegation,
): Promise<Sign> {
  const sinceMs = clock.nowMs();
  return delegation.wait(async () => {
    for (;;) {
      const row = (await work.snapshotsWith([snapshot.id])).at(0);
      if (row?.status !== status) return 'failed';
      if (row.progress === doneProgress) return 'done';
      const waitedMs = clock.nowMs() - sinceMs;
      if (waitedMs > limitMs) return 'none';
      await delay(pauseMs(waitedMs), work.signal);
    }
  });
}

/** Given back, and looked at again: only Nova, or a person who resets the snapshot's status, knows. */
export function noSign(snapshot: Snapshot, what: string): CinderError {
  const message = `Nova has given no sign about ${what} snapshot ${snapshot.id} yet.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'unknown' });
}

export function novaFailed(snapshot: Snapshot, what: string): CinderError {
  const message = `Nova failed at ${what} snapshot ${snapshot.id}; see the log of nova-compute.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'failed' });
}

export function novaRefused(reason: string): CinderError {
  return new CinderError('RemoteFSException', {}, { message: `Nova refused: ${reason}`, outcome: 'failed' });
}
