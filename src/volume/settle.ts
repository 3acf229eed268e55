import type { Lease } from '../coordination/coordinator.ts';
import { ClaimLostError, DatabaseError, type Database } from '../db/database.ts';
import type { Claim, WorkedOn } from '../db/ports/custody.ts';
import { delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import type { Settlement } from './operation.ts';

/** How often a settlement whose answer got lost is looked at before the entry is given back. */
const mostLooks = 5;

export interface SettleOptions {
  readonly db: Database;
  /** The incarnation whose outbox takes the messages. */
  readonly owner: string;
  readonly claim: Claim;
  readonly lease: Lease;
  readonly settlement: Settlement;
  /** Whose workers row ends with it. */
  readonly worked: WorkedOn | undefined;
  /** Ends the looking; the settlement's state is then unknown. */
  readonly signal: AbortSignal;
}

/**
 * Ends an entry: row, quota, workers row, journal and outbox in one transaction, all or nothing.
 *
 * Where the database does not answer, or not say whether it committed, the journal is looked at. Only we can have
 * finished the entry under our claim, so `finished under our claim` is our commit; `unfinished under our claim` is none,
 * and it is done again; a newer claim means that somebody else carries the entry on.
 *
 * @throws ClaimLostError or LeaseLostError: nothing of it was written
 * @throws DatabaseError where it stays unknown: the successor looks
 */
export async function settle(options: SettleOptions): Promise<void> {
  const backoff = new Backoff({ initialMs: 50, maxMs: 2_000 });
  for (let looks = 0; ; looks += 1) {
    options.lease.assertHeld();
    try {
      await commit(options);
      return;
    } catch (error) {
      // A second try may meet the first one's late commit and then lose against it: look there as well.
      if (!(isUnanswered(error) || looks > 0) || looks === mostLooks) throw error;
      if (await isCommitted(options, backoff)) return;
      await delay(backoff.nextMs(), options.signal);
    }
  }
}

function commit({ db, owner, claim, settlement, worked }: SettleOptions): Promise<void> {
  return db.transaction(async (statements) => {
    // First: locks the entry, so that a claimer waits, and refuses a predecessor before it touches a row.
    await statements.journal.finish(claim, settlement.outcome, settlement.detail, worked);
    await settlement.apply(statements);
    if (settlement.outbox.length > 0) await statements.outbox.add(settlement.outbox, owner);
  });
}

/** The steps are done and the locks are ours: a database that is away for a moment is no reason to do them again. */
function isUnanswered(error: unknown): boolean {
  return error instanceof DatabaseError && (error.outcome === 'unknown' || error.answer === undefined);
}

async function isCommitted({ db, claim, signal }: SettleOptions, backoff: Backoff): Promise<boolean> {
  for (let looks = 1; ; looks += 1) {
    try {
      const found = await db.journal.outcomeOf(claim.entryId);
      if (found?.claim !== claim.number) throw new ClaimLostError(`journal entry ${claim.entryId}`);
      return found.outcome !== null;
    } catch (error) {
      if (!(error instanceof DatabaseError) || looks === mostLooks) throw error;
      await delay(backoff.nextMs(), signal);
    }
  }
}
