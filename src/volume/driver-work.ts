import type { Lease } from '../coordination/coordinator.ts';
import type { Repositories } from '../db/database.ts';
import type { Claim } from '../db/ports/custody.ts';
import type { DriverWork } from '../drivers/volume-driver.ts';
import type { Logger } from '../log/logger.ts';
import type { Failpoints } from './custody-options.ts';

/** What a driver's work stands on. */
export interface WorkGrounds {
  readonly db: Pick<Repositories, 'fence' | 'snapshots' | 'volumes'>;
  readonly lease: Lease;
  /** Minted under the lease's locks. */
  readonly tokens: ReadonlyMap<string, bigint>;
  /** Of the journal's entry; a call has none. */
  readonly claim?: Claim;
  /** Ends the work: the lease's loss or the end of anybody's patience, whichever is first. */
  readonly signal: AbortSignal;
  readonly ownerTag: string;
  readonly log: Logger;
  readonly failpoints: Failpoints;
}

/** What a driver may do as long as the locks, and the claim where there is one, are the newest. */
export function createDriverWork(grounds: WorkGrounds): DriverWork {
  const { db, lease, tokens, claim, failpoints } = grounds;
  return {
    signal: grounds.signal,
    provableUntilMs: () => lease.provableUntilMs,
    ownerTag: grounds.ownerTag,
    commitPoint: async (name) => {
      await failpoints(`commit:${name}`, claim);
      assertOurs(grounds);
      await db.fence.check(tokens, claim);
      // The database's answer may have taken longer than the proof lasts.
      assertOurs(grounds);
      await failpoints(`committing:${name}`, claim);
    },
    snapshotsOf: (volumeId) => db.snapshots.ofVolume(volumeId),
    ownersOf: (nameIds) => db.volumes.named(nameIds),
    snapshotsWith: (ids) => db.snapshots.among(ids),
    adminMetadataOf: (volumeId) => db.volumes.metadata(volumeId, 'admin_metadata'),
    log: grounds.log,
  };
}

export function assertOurs({ lease, signal }: Pick<WorkGrounds, 'lease' | 'signal'>): void {
  lease.assertHeld();
  signal.throwIfAborted();
}

/**
 * Marks temporary files with their owner; letters and digits only. The token alone would not do: tokens are counted
 * for each lock, so two owners with different locks on one volume can have the same largest one. `once` makes the tag
 * one owner's for ever.
 */
export function tagOf(tokens: ReadonlyMap<string, bigint>, once: string): string {
  const largest = [...tokens.values()].reduce((most, token) => (token > most ? token : most), 0n);
  return `t${largest.toString(36)}${once}`;
}
