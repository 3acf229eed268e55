import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { OutboxMessage } from '../../db/ports/custody.ts';
import { CinderError, isCinder, toCinderError } from '../../domain/exceptions.ts';
import { migratedFrom } from '../../domain/migration.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import { AppError, messageOf, toError } from '../../kernel/errors.ts';
import { volumeEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesElsewhere, liesOn } from '../ownership.ts';
import { paysQuota } from '../quota-deltas.ts';
import type { RowLooks } from '../row-looks.ts';
import { moveVolume, typeNameOf } from '../row-moves.ts';
import {
  chainLocks,
  failSnapshotRemoval,
  releaseSnapshot,
  removalEvents,
  removeSnapshot,
} from '../snapshot-removal.ts';
import { placeOf } from '../volume-making.ts';
import { isUnknownOutcome } from '../unknown-outcome.ts';
import { releaseVolume } from '../volume-removal.ts';
import { ById, Flag } from './arguments.ts';

/*
 * delete_volume: with its snapshots (`cascade`), without, or without touching what is on the share (`unmanage_only`; and
 * a volume whose taking-in failed: what its row names, if it does, was made by others).
 *
 * Locks, all at once: the volume's `delete_volume` (nobody clones it meanwhile), that of attaching (nobody
 * attaches, detaches or connects it) and driver locks; with `cascade` also `delete_snapshot` of each of its snapshots.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `deleting`, everything there: it begins anew.
 *   1 each snapshot (cascade; every one must be `deleting`): driver.snapshots.remove, then one guarded transaction: row,
 *             quota, events. Ended in between: the row is there and nothing on the share, so it is done once more,
 *             which is success; the rows that are left say how far it is.
 *   2 remove  driver.remove: everything of the volume, whatever was left of it; missing files are success.
 *   before 3  `deleting`, nothing on the share: 2 is found done, 3 follows.
 *   3 settle  one transaction: quota, row and what hangs on it, workers row, events.
 *
 * A definite failure: `available` if it is busy, else `error_deleting`; a migration's target goes from the database
 * either way, as upstream does to spare its users the sight. A volume that is still attached gets `error_deleting` too,
 * where upstream leaves `deleting` for ever. A volume of another backend is left to that one.
 *
 * A volume that is not being deleted (any more) is left alone: a settlement or an operator has answered the request.
 * Temporary volumes (of backups and migrations) are the exception: their services do not set a status first.
 */

const Args = Type.Object({ volume: ById, unmanage_only: Flag, cascade: Flag });
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  /** The status that the request stands for. */
  readonly asked: string;
  readonly pays: boolean;
  readonly typeName: string | null;
  readonly snapshots: readonly Snapshot[];
}

/** A snapshot could not be removed, and so its volume neither. */
class SnapshotStaysError extends AppError {
  readonly code = 'SNAPSHOT_STAYS';
  readonly snapshot: Snapshot;
  override readonly cause: CinderError;
  constructor(snapshot: Snapshot, cause: CinderError) {
    super(`snapshot ${snapshot.id}: ${cause.message}`, { cause, outcome: cause.outcome });
    this.snapshot = snapshot;
    this.cause = cause;
  }
}

export const deleteVolume: Operation<typeof Args, State, null> = {
  name: 'delete_volume',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  workerStatus: 'deleting',
  async locks({ volume: { id }, cascade }, { backend }, rows) {
    const chain = cascade === true ? await chainLocks(id, backend, rows) : backend.driver.locksForVolume(id);
    return [lockNames.deleteVolume(id), lockNames.attachVolume(id), ...chain];
  },
  load,
  async run(state, scope, ports) {
    const refusal = refusalOf(state, ports);
    if (refusal !== null) throw refusal;
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    if (staysOnShare(state)) return null;
    for (const snapshot of state.snapshots) await removeOne(snapshot, state, scope, ports);
    const place = { provider_location: placeOf(state.volume, ports.backend) };
    await ports.backend.driver.remove({ ...state.volume, ...place }, scope.work);
    return null;
  },
  settle: (state, result, scope, ports) =>
    result.ok ? settleGone(state, scope, ports) : settleFailed(state, result, scope, ports),
};

async function load(args: Args, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  const adminMetadata = await db.volumes.metadata(volume.id, 'admin_metadata');
  const pays = paysQuota(volume, { adminMetadata });
  const asked = askedStatus(volume, pays);
  if (asked === null) return { nothingToDo: `the volume is ${String(volume.status)}` };
  const typeName = await typeNameOf(db, volume);
  return { args, volume, asked, pays, typeName, snapshots: await rows.snapshotsOf(volume.id) };
}

function askedStatus({ status }: Volume, pays: boolean): string | null {
  if (status !== null && ['deleting', 'unmanaging', 'error_managing_deleting'].includes(status)) return status;
  return pays ? null : 'deleting';
}

/** What rules it out before anything is touched. */
function refusalOf({ volume, args, snapshots }: State, { backend }: OperationPorts): CinderError | null {
  const invalid = (message: string): CinderError => new CinderError('Invalid', {}, { message });
  if (!liesOn(backend, volume)) return liesElsewhere(volume, backend);
  if (volume.attach_status === 'attached') return new CinderError('VolumeAttached', { volume_id: volume.id });
  if (args.unmanage_only === true) {
    if (volume.encryption_key_id !== null) return invalid('Unmanaging encrypted volumes is not supported.');
    if (args.cascade === true) return invalid('Unmanage and cascade delete options are mutually exclusive.');
    if (backend.driver.manage === undefined) return new CinderError('NotSupportedOperation', { operation: 'unmanage' });
  }
  if (args.cascade !== true) {
    return snapshots.length === 0 ? null : new CinderError('VolumeIsBusy', { volume_name: `volume-${volume.id}` });
  }
  const other = snapshots.find(({ status }) => status !== 'deleting');
  if (other === undefined) return null;
  const reason = `snapshot ${other.id} is '${String(other.status)}', not 'deleting', in a cascading deletion`;
  return new CinderError('InvalidSnapshot', { reason });
}

/** Whether only the row goes. */
function staysOnShare({ args, asked }: State): boolean {
  return args.unmanage_only === true || asked === 'error_managing_deleting';
}

/** Step 1 for one snapshot. */
async function removeOne(
  snapshot: Snapshot,
  { volume, typeName }: State,
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  const update = await removeSnapshot(snapshot, volume, scope, ports).catch((thrown: unknown) => {
    throw isUnknownOutcome(thrown) ? toError(thrown) : new SnapshotStaysError(snapshot, toCinderError(thrown));
  });
  const events = await removalEvents(ports, scope.context, snapshot, volume, true);
  await scope.save(async (db) => {
    await releaseSnapshot(db, { snapshot, typeName, update }, ports.settings);
    if (events.length > 0) await db.outbox.add(events, scope.owner);
  });
}

/** Step 3. */
async function settleGone(state: State, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  return {
    outcome: 'done',
    detail: null,
    apply: (db) => releaseVolume(db, state),
    outbox: await events(state, true, scope, ports),
    after: () => {
      ports.backend.capabilitiesChanged();
    },
  };
}

async function settleFailed(
  state: State,
  { error }: Result<null> & { readonly ok: false },
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { volume, asked, args } = state;
  const isForeign = !liesOn(ports.backend, volume);
  const stays = error instanceof SnapshotStaysError ? error : null;
  const isBusy = isCinder(error, 'VolumeIsBusy') || isCinder(stays?.cause, 'SnapshotIsBusy');
  const failed = args.unmanage_only === true && asked === 'unmanaging' ? 'error_unmanaging' : 'error_deleting';
  return {
    outcome: 'refused',
    detail: messageOf(error),
    apply: async (db) => {
      if (isForeign) return;
      if (stays !== null) await failSnapshotRemoval(db, stays.snapshot, stays.cause, scope.context, ports.settings);
      if (migratedFrom(volume) !== null) await db.volumes.destroy(volume.id);
      else await moveVolume(db, volume, isBusy ? 'available' : failed, {}, asked);
    },
    outbox: isForeign ? [] : await events(state, false, scope, ports),
  };
}

/** A volume that nobody pays for comes and goes unheard. */
async function events(
  { volume, args, pays }: State,
  isGone: boolean,
  { context }: Scope,
  ports: OperationPorts,
): Promise<readonly OutboxMessage[]> {
  if (!pays || refusedUnheard(volume, args)) return [];
  const what = args.unmanage_only === true ? 'unmanage' : 'delete';
  return volumeEvents(ports, context, ports.backend.host, [
    { suffix: `${what}.start`, volume },
    ...(isGone ? [{ suffix: `${what}.end`, volume: { ...volume, status: 'deleted' } }] : []),
  ]);
}

/** Upstream refuses these before it tells anybody of the deletion. */
function refusedUnheard(volume: Volume, args: Args): boolean {
  if (volume.attach_status === 'attached') return true;
  return args.unmanage_only === true && (args.cascade === true || volume.encryption_key_id !== null);
}
