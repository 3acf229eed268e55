import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { homeOf } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { typeNameOf } from '../row-moves.ts';
import {
  chainLocks,
  failSnapshotRemoval,
  releaseSnapshot,
  removalEvents,
  removeSnapshot,
} from '../snapshot-removal.ts';
import { ById, Flag } from './arguments.ts';

/*
 * delete_snapshot, also without touching its files (`unmanage_only`).
 *
 * Locks, all at once: the snapshot's `delete_snapshot` and the driver locks of its volume, whose chain changes; and
 * `delete_snapshot` of every other snapshot of the volume, because a file that leaves the chain may be one through
 * which another snapshot is being read, and a Python peer that creates a volume from a snapshot locks nothing but that
 * snapshot.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `deleting`, the chain whole: it begins anew.
 *   1 merge   driver.snapshots.remove, whose own commit points leave a chain that it can carry on. A snapshot of which
 *             nothing exists any more is success.
 *             An attached volume's chain is merged by Nova (drivers/remotefs/online-delete.ts), which is asked once.
 *   before 2  the row `deleting`, nothing of it on the share: 1 is found done, 2 follows.
 *   2 settle  one transaction: quota, glance metadata, row, events.
 *
 * A definite failure: `error_deleting`, or `available` where something depends on it, and a user message. A snapshot
 * that is not `deleting` any more is left alone: a settlement or an operator has answered the request already.
 */

const Args = Type.Object({ snapshot: ById, unmanage_only: Flag });
type Args = Static<typeof Args>;

interface State {
  readonly snapshot: Snapshot;
  readonly volume: Volume | null;
  readonly unmanage: boolean;
}

export const deleteSnapshot: Operation<typeof Args, State, VolumeModelUpdate> = {
  name: 'delete_snapshot',
  args: Args,
  resource: ({ snapshot }) => ({ type: 'Snapshot', id: snapshot.id }),
  async locks({ snapshot: { id } }, { backend }, rows) {
    const volumeId = (await rows.snapshot(id))?.volume_id;
    const chain = volumeId === undefined ? [] : await chainLocks(volumeId, backend, rows);
    return [lockNames.deleteSnapshot(id), ...chain];
  },
  load,
  async run({ snapshot, volume, unmanage }, scope, ports) {
    const home = homeOf(snapshot, volume, ports);
    if (unmanage) return letGo(ports);
    return removeSnapshot(snapshot, home, scope, ports);
  },
  settle,
};

/** Nothing is touched: it stays where it is, to be taken in again. */
function letGo({ backend }: OperationPorts): VolumeModelUpdate {
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  if (backend.driver.manageSnapshot !== undefined) return {};
  throw new CinderError('NotSupportedOperation', { operation: 'unmanage snapshot' });
}

async function load(
  { snapshot: { id }, unmanage_only }: Args,
  _ports: OperationPorts,
  rows: RowLooks,
): Promise<State | NothingToDo> {
  const snapshot = await rows.snapshot(id);
  if (snapshot === null) return { nothingToDo: 'the snapshot is gone' };
  if (snapshot.status !== 'deleting' && snapshot.status !== 'unmanaging') {
    return { nothingToDo: `the snapshot is ${String(snapshot.status)}` };
  }
  return { snapshot, volume: await rows.volume(snapshot.volume_id), unmanage: unmanage_only === true };
}

/** Step 2. */
async function settle(
  { snapshot, volume }: State,
  result: Result<VolumeModelUpdate>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { settings } = ports;
  const outbox = await removalEvents(ports, scope.context, snapshot, volume, result.ok);
  if (!result.ok) {
    const error = toCinderError(result.error);
    return {
      outcome: 'refused',
      detail: error.message,
      apply: (db) => failSnapshotRemoval(db, snapshot, error, scope.context, settings),
      outbox,
    };
  }
  const typeName = volume === null ? null : await typeNameOf(ports.db, volume);
  return {
    outcome: 'done',
    detail: null,
    apply: (db) => releaseSnapshot(db, { snapshot, typeName, update: result.value }, settings),
    outbox,
  };
}
