import type { Lease } from '../coordination/coordinator.ts';
import type { Logger } from '../log/logger.ts';

/** The work is over either way; a lock that cannot be given back ends with its TTL. */
export async function releaseLease(lease: Lease, log: Logger): Promise<void> {
  try {
    if ((await lease.release()) === 'lost') log.warn({ locks: lease.names }, 'the locks had been lost');
  } catch (err) {
    log.warn({ err, locks: lease.names }, 'the locks could not be given back');
  }
}
