import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Json } from '../../domain/json.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { ManageSnapshotAbility, VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import { snapshotEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { homeOf } from '../ownership.ts';
import { chargeWithinLimits } from '../quota-charge.ts';
import { gigabytes } from '../quota-deltas.ts';
import type { RowLooks } from '../row-looks.ts';
import { NotSettledError, mergeAdminMetadata, moveSnapshot, typeNameOf } from '../row-moves.ts';
import { snapshotColumns } from '../snapshot-making.ts';
import { ById, Reference } from './arguments.ts';

/*
 * manage_existing_snapshot: a snapshot that is in its volume, and that nobody manages (any more), gets a row again.
 *
 * Locks, all at once: the snapshot's `delete_snapshot` and the driver locks of its volume, whose chain names it.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `creating`, the volume's size, which the API has charged: it begins anew.
 *   1 find    what the reference names in this volume, how large it is. Nothing is changed.
 *   2 charge  one guarded transaction: its own size into the row, and the difference to the project's quota, within its
 *             limits. What the row says has been charged, so a successor has nothing to charge.
 *   3 take    driver.manageSnapshot.take; taken already is success.
 *   before 4  `creating`, in the chain under its own id: 1 finds that, 3 is found done, 4 follows.
 *   4 settle  one transaction: `available`, what the driver says, events.
 *
 * A definite failure: `error`. Deleting it gives back what its row says, and touches nothing that it did not take.
 * Nobody is told but the log and the status, and no glance metadata are copied, as upstream.
 */

const Args = Type.Object({ snapshot: ById, ref: Reference });
type Args = Static<typeof Args>;

interface State {
  readonly snapshot: Snapshot;
  readonly volume: Volume | null;
  readonly reference: Json;
}

interface Taken {
  /** As charged. */
  readonly snapshot: Snapshot;
  readonly update: VolumeModelUpdate;
}

export const manageExistingSnapshot: Operation<typeof Args, State, Taken> = {
  name: 'manage_existing_snapshot',
  args: Args,
  resource: ({ snapshot }) => ({ type: 'Snapshot', id: snapshot.id }),
  async locks({ snapshot: { id } }, { backend }, rows) {
    const volumeId = (await rows.snapshot(id))?.volume_id;
    return [lockNames.deleteSnapshot(id), ...(volumeId === undefined ? [] : backend.driver.locksForVolume(volumeId))];
  },
  load,
  async run({ snapshot, volume, reference }, scope, ports) {
    const home = homeOf(snapshot, volume, ports);
    const ability = abilityOf(ports);
    const { sizeGb } = await ability.find(snapshot, home, reference, scope.work);
    const charged = await charge(snapshot, home, sizeGb, scope, ports);
    return { snapshot: charged, update: await ability.take(charged, home, reference, scope.work) };
  },
  settle: (state, result, scope, ports) =>
    result.ok ? settleTaken(state, result.value, scope, ports) : settleFailed(state, result.error, scope, ports),
};

async function load(
  { snapshot: { id }, ref = null }: Args,
  _ports: OperationPorts,
  rows: RowLooks,
): Promise<State | NothingToDo> {
  const snapshot = await rows.snapshot(id);
  if (snapshot === null) return { nothingToDo: 'the snapshot is gone' };
  if (snapshot.status !== 'creating') return { nothingToDo: `the snapshot is ${String(snapshot.status)}` };
  return { snapshot, volume: await rows.volume(snapshot.volume_id), reference: ref };
}

function abilityOf({ backend }: OperationPorts): ManageSnapshotAbility {
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  const { manageSnapshot } = backend.driver;
  if (manageSnapshot === undefined) throw new CinderError('NotSupportedOperation', { operation: 'manage snapshot' });
  return manageSnapshot;
}

/** Step 2. The row as it is afterwards. */
async function charge(
  snapshot: Snapshot,
  volume: Volume,
  sizeGb: number,
  scope: Scope,
  { db, settings }: OperationPorts,
): Promise<Snapshot> {
  const { id, status, volume_size, project_id: projectId } = snapshot;
  const more = sizeGb - (volume_size ?? 0);
  if (more === 0) return snapshot;
  const deltas = settings.noSnapshotGbQuota ? {} : gigabytes(more, await typeNameOf(db, volume));
  await scope.save(async (statements) => {
    const changed = await statements.snapshots.update(id, { volume_size: sizeGb }, { status, volume_size });
    if (changed === 0) throw new NotSettledError(`snapshot ${id} was changed by somebody else`);
    if (projectId !== null) await chargeWithinLimits(statements, { projectId, sizeGb, deltas });
  });
  return { ...snapshot, volume_size: sizeGb };
}

/** Step 4. */
async function settleTaken(
  state: State,
  { snapshot, update }: Taken,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await moveSnapshot(db, snapshot, 'available', snapshotColumns(update));
      await mergeAdminMetadata(db, snapshot.volume_id, update);
    },
    outbox: await events(state, { ...snapshot, status: 'available' }, scope, ports),
  };
}

async function settleFailed(state: State, thrown: Error, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  const error = toCinderError(thrown);
  scope.log.error({ err: error, reference: state.reference }, 'the snapshot could not be taken in');
  return {
    outcome: 'refused',
    detail: error.message,
    apply: (db) => moveSnapshot(db, state.snapshot, 'error'),
    outbox: await events(state, null, scope, ports),
  };
}

/** A snapshot whose work begins has its volume's size, also where a predecessor has charged its own. */
function events(
  { snapshot, volume }: State,
  ended: Snapshot | null,
  { context }: Scope,
  ports: OperationPorts,
): ReturnType<typeof snapshotEvents> {
  const begun = { ...snapshot, volume_size: volume?.size ?? snapshot.volume_size };
  return snapshotEvents(ports, context, volume, [
    { suffix: 'manage_existing_snapshot.start', snapshot: begun },
    ...(ended === null ? [] : [{ suffix: 'manage_existing_snapshot.end', snapshot: ended }]),
  ]);
}
