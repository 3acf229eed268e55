import { CinderError } from '../domain/exceptions.ts';
import { isMigrating } from '../domain/migration.ts';
import type { Volume } from '../domain/rows.ts';
import { copyOver, isPastReturn } from './migration-handover.ts';
import { beginMigration, madeTarget, targetId, targetNote, type Route } from './migration-target.ts';
import type { Also } from './migration-end.ts';
import { askServers } from './migration-swap.ts';
import type { Backend, NothingToDo, OperationPorts, Scope, Settlement } from './operation.ts';
import { liesOn } from './ownership.ts';
import type { RowLooks } from './row-looks.ts';

/*
 * A volume's way to another backend, for migrate_volume and retype. The whole runs under the volume's locks; the other
 * backend (ours or Python's, of another kind of share or the same) makes the target under its own.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1   no target: it begins anew.
 *   1 begin    one transaction: `migrating`, the target's row (its id is made of the entry) and the cast to make it.
 *   2 wait     until the other backend has made the target, by its row; without a slot. A successor waits on, as long
 *              again.
 *   3 connect  the other backend says which file of which share it is, and of which format.
 *   4 copy     what the volume shows becomes an unfinished file beside the target's, and takes its name.
 *   before 5   the old data count: a host may have been connected since, so 3 and 4 are done once more.
 *   5 hand     `completing` and what the row said, noted; then update_migrated_volume. The other service renames the
 *     over     file, if it may, and writes both rows: the volume's leads to the new place, the target's to the old.
 *              Without an answer the rows are looked at, then the share (a Python service that ended between file and
 *              rows is finished for); where neither shows it, it is asked again. It is never taken for refused.
 *   before 6   the volume's row leads to the new place: 6 follows, nothing leads back.
 *   6 settle   one transaction: host, cluster, zone and the like change places with the target's, the volume is what it
 *              was, `success`; the target's row is `deleting` and the cast to delete the old data is out.
 *
 * Of an attached volume, 3 to 6 are the servers' and migrate_volume_completion's: each server is asked once to swap, with
 * a note before. Who goes on sees by the target whether one that may have been asked has begun; else it asks again.
 *
 * A definite failure in 1 to 5: the target's row goes, where the other backend has not made it; else it is `deleting`
 * and the other backend is asked to delete it.
 */

/** The target's data are the volume's; or servers will see to it (`isAsked`), and completion follows. */
export interface Migrated {
  readonly target: string;
  readonly isAsked: boolean;
}

export async function migrate(volume: Volume, route: Route, scope: Scope, ports: OperationPorts): Promise<Migrated> {
  const id = targetId(volume.id, scope);
  if (isPastReturn(volume, scope)) return { target: id, isAsked: false };
  await assertMovable(volume, scope, ports);
  const attachments = await ports.db.attachments.ofVolume(volume.id);
  if (scope.claim.notes[targetNote] === undefined) await beginMigration(volume, route, scope, ports);
  const target = await madeTarget(id, scope, ports);
  const isAsked = attachments.length > 0;
  if (isAsked) await askServers(volume, target, attachments, scope, ports);
  else await copyOver({ ...volume, migration_status: 'migrating' }, target, scope, ports);
  return { target: id, isAsked };
}

/** The volume that migrates; where it does not (any more), or has gone to the other backend, nothing is left to do. */
export async function loadMigrating(id: string, backend: Backend, rows: RowLooks): Promise<Volume | NothingToDo> {
  const volume = await rows.volume(id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (!isMigrating(volume)) {
    return { nothingToDo: `the volume does not migrate: ${String(volume.migration_status)}` };
  }
  return liesOn(backend, volume) ? volume : { nothingToDo: `the volume belongs to ${String(volume.host)}` };
}

/** Nothing is known of the end yet: the rows stay `migrating`, for migrate_volume_completion. */
export function settleAsked({ target }: Migrated, also: Also = () => Promise.resolve()): Settlement {
  return { outcome: 'done', detail: `servers swap to ${target}`, apply: also, outbox: [] };
}

/** Whether this entry is the one that the volume's row waits for. */
export function isOwnMigration({ status, migration_status }: Volume, { claim }: Scope): boolean {
  if (claim.notes[targetNote] !== undefined) return true;
  return migration_status === 'starting' || status === 'retyping';
}

async function assertMovable(volume: Volume, scope: Scope, { db, backend }: OperationPorts): Promise<void> {
  if (!isOwnMigration(volume, scope)) {
    const reason = `another request migrates it (${String(volume.migration_status)})`;
    throw new CinderError('InvalidVolume', { reason });
  }
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  if (backend.driver.migration === undefined) {
    throw new CinderError('NotSupportedOperation', { operation: 'migration' });
  }
  if ((await db.snapshots.ofVolume(volume.id)).length > 0) {
    throw new CinderError('InvalidVolume', { reason: 'Volume must not have snapshots.' });
  }
  await backend.driver.migration.requireNoSnapshots(volume, scope.work);
}
