import type { Lease } from '../coordination/coordinator.ts';
import type { Database } from '../db/database.ts';
import type { Claim, JournalEntry } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import { isJsonObject, type JsonObject } from '../domain/json.ts';
import type { Delegation } from '../drivers/volume-driver.ts';
import type { KeyManager } from '../keys/key-manager.ts';
import type { Logger } from '../log/logger.ts';
import type { Failpoints } from './custody-options.ts';
import { assertOurs, createDriverWork, tagOf } from './driver-work.ts';
import { createEncryption } from './encryption.ts';
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
  readonly keys: KeyManager;
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
    work: {
      ...createDriverWork({ ...options, tokens: claim.tokens, ownerTag: ownerTag(claim) }),
      isContinued: claim.number > 1,
      delegation: delegationOf(options),
      encryption: createEncryption(db, options.keys, options.context, options.signal),
    },
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

/** The notes of an entry say what its owners have asked of Nova, or were about to drop from `.info`, by snapshot. */
function delegationOf(options: ScopeOptions): Delegation {
  const { db, claim, slot } = options;
  const asked = new Map<string, JsonObject>();
  const refusals = new Map<string, string>();
  const keyOf = (snapshotId: string): string => `asked_of_nova:${snapshotId}`;
  const refusalKeyOf = (snapshotId: string): string => `refused_by_nova:${snapshotId}`;
  const wordKeyOf = (snapshotId: string): string => `snapshot_file:${snapshotId}`;
  const textOf = (key: string): string | undefined => {
    const noted = claim.notes[key];
    return typeof noted === 'string' ? noted : undefined;
  };
  return {
    asked: (snapshotId) => {
      const noted = claim.notes[keyOf(snapshotId)];
      return asked.get(snapshotId) ?? (isJsonObject(noted) ? noted : undefined);
    },
    ask: async (snapshotId, what) => {
      assertOurs(options);
      await db.transaction(async (statements) => {
        await statements.fence.check(claim.tokens, claim);
        await statements.journal.note(claim, { [keyOf(snapshotId)]: what });
        await statements.snapshots.update(snapshotId, { progress: '0%' });
      });
      asked.set(snapshotId, what);
    },
    noteRefusal: async (snapshotId, reason) => {
      assertOurs(options);
      await db.journal.note(claim, { [refusalKeyOf(snapshotId)]: reason });
      refusals.set(snapshotId, reason);
    },
    refusalOf: (snapshotId) => refusals.get(snapshotId) ?? textOf(refusalKeyOf(snapshotId)),
    leaveWord: async (snapshotId, word) => {
      assertOurs(options);
      await db.journal.note(claim, { [wordKeyOf(snapshotId)]: word });
    },
    wordOf: (snapshotId) => textOf(wordKeyOf(snapshotId)),
    wait: (wait) => slot.park(wait),
  };
}

/** An entry's owner; entry and claim are had by one owner only. */
export function ownerTag(claim: Claim): string {
  return tagOf(claim.tokens, `e${BigInt(claim.entryId).toString(36)}c${claim.number.toString(36)}`);
}
