import type { CoordinatorOptions } from '../../coordination/create.ts';
import { createCoordinator } from '../../coordination/create.ts';
import { lockName } from '../../coordination/lock-names.ts';
import { whenAborted } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import { silentLogger } from '../../log/logger.ts';
import { BootClock } from '../../native/boot-clock.ts';

/*
 * An owner of one lock for `lock check`, which freezes or kills it: takes the lock, tells when it knows that it has lost
 * it, and takes it again, until it is killed or nobody listens any more.
 */

export interface OwnerStart {
  readonly name: string;
  readonly options: Omit<CoordinatorOptions, 'clock' | 'log'>;
}

const endWithinMs = 1_000;

/** `provenForMs`: for so long the lock was proven when it was had; null: until the process ends. */
export type FromOwner =
  | { readonly event: 'held'; readonly provenForMs: number | null }
  | { readonly event: 'lost' }
  | { readonly event: 'failed'; readonly problem: string };

const tell = (message: FromOwner): void => {
  if (process.connected) process.send?.(message);
};
const ending = new AbortController();

async function own({ name, options }: OwnerStart): Promise<void> {
  const clock = new BootClock();
  const coordinator = createCoordinator({ ...options, clock, log: silentLogger });
  await coordinator.start(AbortSignal.timeout(15_000));
  while (!ending.signal.aborted) {
    const lease = await coordinator.acquire([lockName(name)], { waitMs: 'forever', signal: ending.signal });
    const provenForMs = lease.provableUntilMs - clock.nowMs();
    tell({ event: 'held', provenForMs: Number.isFinite(provenForMs) ? provenForMs : null });
    await whenAborted(lease.signal, ending.signal);
    if (lease.signal.aborted) tell({ event: 'lost' });
    await lease.release();
  }
  await coordinator.stop({ force: AbortSignal.timeout(endWithinMs) });
}

// The options may hold a password: they come by message, where no list of processes shows them.
process.once('message', (start: OwnerStart) => {
  own(start).catch((error: unknown) => tell({ event: 'failed', problem: messageOf(error) }));
});
// A lock that is not given back would bar the next check for as long as it lasts.
process.on('disconnect', () => {
  ending.abort(new Error('nobody listens any more'));
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2 * endWithinMs).unref();
});
