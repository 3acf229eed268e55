import { lockNames, type LockName } from '../coordination/lock-names.ts';
import type { Repositories } from '../db/database.ts';
import type { JournalEntry } from '../db/ports/custody.ts';
import { backendOf } from '../domain/host.ts';
import { volumeNameId, type Snapshot, type Volume } from '../domain/rows.ts';
import type { DriverWork, Mending, UpkeepAbility, VolumeDriver } from '../drivers/volume-driver.ts';
import { childAbort } from '../kernel/abort.ts';
import type { Logger } from '../log/logger.ts';
import type { CallCustody } from './call-custody.ts';
import { volumeLocks } from './volume-locks.ts';

/** Files that may have to be put right: all that are called after this volume, on one share. */
export interface Suspect {
  readonly location: string;
  /** The id in their names. */
  readonly nameId: string;
}

export interface UpkeepOptions {
  readonly db: Pick<Repositories, 'volumes' | 'snapshots' | 'journal' | 'services'>;
  readonly custody: Pick<CallCustody, 'locked'>;
  readonly driver: VolumeDriver & { readonly upkeep: UpkeepAbility };
  /** `host@backend` and, where it is in one, `cluster@backend`: whose volumes these are. */
  readonly names: readonly string[];
  readonly log: Logger;
  /** Whoever holds a volume's locks for longer is at work on it. */
  readonly lockWaitMs: number;
}

/** More unfinished entries than this are not read: while so much is under way nothing is put right. */
const mostUnfinished = 10_000;

/** A migration that has come to its end; in any other state two rows and two shares are in it. */
const noMigration = new Set([null, 'success', 'error']);

/** The rows that decide, read before the locks to know their names, and again under them. */
interface Owners {
  readonly volume: Volume | null;
  readonly snapshots: readonly Snapshot[];
}

/**
 * Puts right what interrupted owners left on shares, while replicas are at work: each volume under the locks of whoever
 * changes it, with tokens minted under them, and only if no request for it is on its way. Nobody is kept waiting: what
 * somebody else holds is left to a later run.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** One after the other. What cannot be locked, or is under way, is answered with the reason. */
  async mend(suspects: readonly Suspect[], signal: AbortSignal): Promise<readonly Mending[]> {
    const found: Mending[] = [];
    for (const suspect of suspects) found.push(...(await this.#one(suspect, signal)));
    return found;
  }

  async #one(suspect: Suspect, signal: AbortSignal): Promise<readonly Mending[]> {
    const { custody, lockWaitMs, log } = this.#options;
    const before = await this.#owners(suspect);
    const patience = childAbort(signal);
    const timer = setTimeout(() => patience.abort(new Error('its locks are not to be had')), lockWaitMs);
    try {
      return await custody.locked(this.#locks(suspect, before), { signal: patience.signal, log }, ({ work }) => {
        clearTimeout(timer);
        return this.#underLocks(suspect, before, work);
      });
    } catch (error) {
      if (signal.aborted || !patience.signal.aborted) throw error;
      return [left(suspect, 'somebody is at work on it')];
    } finally {
      clearTimeout(timer);
      patience.detach();
    }
  }

  async #underLocks(suspect: Suspect, before: Owners, work: DriverWork): Promise<readonly Mending[]> {
    const { driver } = this.#options;
    const now = await this.#owners(suspect);
    const locked = new Set(this.#locks(suspect, before));
    if (!this.#locks(suspect, now).every((name) => locked.has(name))) {
      return [left(suspect, 'its rows have just changed; run this again')];
    }
    const reason = this.#notOurs(now.volume, suspect) ?? (await this.#onItsWay(suspect, now));
    if (reason !== null) return [left(suspect, reason)];
    if (now.volume !== null) return driver.upkeep.mend(now.volume, work);
    return driver.upkeep.clear({ provider_location: suspect.location, nameId: suspect.nameId }, work);
  }

  async #owners({ nameId }: Suspect): Promise<Owners> {
    const { volumes, snapshots } = this.#options.db;
    const named = await volumes.named([nameId]);
    // Whose files these are; a row that has only its id from the name has its data under another one.
    const volume = named.find((row) => volumeNameId(row) === nameId) ?? named[0] ?? null;
    return { volume, snapshots: await snapshots.ofVolume(volume?.id ?? nameId) };
  }

  #locks({ nameId }: Suspect, { volume, snapshots }: Owners): readonly LockName[] {
    const backend = this.#options;
    const own = volume === null ? [] : volumeLocks(volume.id, backend);
    return [...own, ...volumeLocks(nameId, backend), ...snapshots.map(({ id }) => lockNames.deleteSnapshot(id))];
  }

  #notOurs(volume: Volume | null, { nameId, location }: Suspect): string | null {
    if (volume === null) return null;
    if (volumeNameId(volume) !== nameId) return `volume ${volume.id} has its data under another name`;
    if (volume.provider_location !== location)
      return `volume ${volume.id} lies on ${volume.provider_location ?? 'no share'}`;
    const home = backendOf(volume.cluster_name ?? volume.host ?? '');
    if (!this.#options.names.includes(home)) return `volume ${volume.id} is ${home || 'nobody'}'s; run this there`;
    if (noMigration.has(volume.migration_status)) return null;
    return `volume ${volume.id} is being migrated (${volume.migration_status ?? ''})`;
  }

  /** A request that somebody has received, and that may speak of it: whoever carries it on looks for himself. */
  async #onItsWay({ nameId }: Suspect, { volume, snapshots }: Owners): Promise<string | null> {
    const { db, names } = this.#options;
    const services = await db.services.list();
    const backends = new Set([...names, ...services.map(({ cluster_name, host }) => backendOf(cluster_name ?? host))]);
    const unfinished = await db.journal.unfinished([...backends], mostUnfinished);
    if (unfinished.length >= mostUnfinished) return 'too many requests are under way';
    const ids = [nameId, ...(volume === null ? [] : [volume.id]), ...snapshots.map(({ id }) => id)];
    const groups = volume?.group_id ?? null;
    const entry = unfinished.find((one) => speaksOf(one, groups === null ? ids : [...ids, groups]));
    return entry === undefined ? null : `${entry.method} of ${entry.resourceType} ${entry.resourceId} is under way`;
  }
}

function speaksOf({ resourceId, args, notes }: JournalEntry, ids: readonly string[]): boolean {
  const text = `${resourceId} ${JSON.stringify(args)} ${JSON.stringify(notes)}`;
  return ids.some((id) => text.includes(id));
}

function left({ nameId, location }: Suspect, why: string): Mending {
  return { file: `volume-${nameId} on ${location}`, done: false, what: `is left alone: ${why}` };
}
