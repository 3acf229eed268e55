import type { Lease } from '../coordination/coordinator.ts';
import type { Database } from '../db/database.ts';
import type { Claim, JournalEntry } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import type { DriverWork } from '../drivers/volume-driver.ts';
import type { Logger } from '../log/logger.ts';
import type { Failpoints } from './custody-options.ts';
import type { Scope } from './operation.ts';
import type { Slot } from './slot.ts';

export interface ScopeOptions {
  readonly db: Database;
  /** The incarnation. */
  readonly owner: string;
  readonly entry: JournalEntry;
  readonly context: RequestContext;
  readonly claim: Claim;
  readonly lease: Lease;
  readonly slot: Slot;
  /** The lease's loss or the replica's forced stop, whichever is first. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly failpoints: Failpoints;
}

/** What one run of an operation may do, as long as its locks, its claim and its tokens are the newest. */
export function createScope(options: ScopeOptions): Scope {
  const { db, entry, claim, slot } = options;
  return {
    signal: options.signal,
    context: options.context,
    wire: { args: entry.args, context: entry.context },
    claim,
    owner: options.owner,
    log: options.log,
    work: createDriverWork(options),
    save: (write) => {
      assertOurs(options);
      return db.transaction(async (statements) => {
        await statements.fence.check(claim.tokens, claim);
        return write(statements);
      });
    },
    saveVolume: async (id, changes, expected) => {
      assertOurs(options);
      return db.volumes.updateGuarded(claim, id, changes, expected);
    },
    note: (notes) => {
      assertOurs(options);
      return db.journal.note(claim, notes);
    },
    park: (wait) => slot.park(wait),
  };
}

function createDriverWork(options: ScopeOptions): DriverWork {
  const { db, claim, lease, failpoints } = options;
  return {
    signal: options.signal,
    provableUntilMs: () => lease.provableUntilMs,
    ownerTag: ownerTag(claim),
    commitPoint: async (name) => {
      await failpoints(`commit:${name}`, claim);
      assertOurs(options);
      await db.fence.check(claim.tokens, claim);
      // The database's answer may have taken longer than the proof lasts.
      assertOurs(options);
      await failpoints(`committing:${name}`, claim);
    },
    snapshotsOf: (volumeId) => db.snapshots.ofVolume(volumeId),
    log: options.log,
  };
}

function assertOurs({ lease, signal }: ScopeOptions): void {
  lease.assertHeld();
  signal.throwIfAborted();
}

/**
 * Marks temporary files with their owner; letters and digits only. The token alone would not do: tokens are counted
 * for each lock, so two operations with different locks on one volume can have the same largest one. Entry and claim
 * make the tag one owner's for ever.
 */
export function ownerTag(claim: Claim): string {
  const largest = [...claim.tokens.values()].reduce((most, token) => (token > most ? token : most), 0n);
  return `t${largest.toString(36)}e${BigInt(claim.entryId).toString(36)}c${claim.number.toString(36)}`;
}
