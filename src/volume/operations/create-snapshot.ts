import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { SnapshotUpdate } from '../../drivers/volume-driver.ts';
import { snapshotEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { homeOf } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { moveSnapshot } from '../row-moves.ts';
import { finishSnapshot } from '../snapshot-making.ts';
import { failureMessage } from '../user-messages.ts';
import { ById } from './arguments.ts';

/*
 * create_snapshot.
 *
 * Locks, all at once: the snapshot's `delete_snapshot` (nobody deletes it while it is made) and the driver locks of its
 * volume, whose chain gets a new top. Other snapshots are not locked: what their readers read lies below the top and
 * stays as it is.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `creating`, the chain as it was: it begins anew.
 *   1 make    driver.snapshots.create, whose own commit points leave a chain that it can carry on. A snapshot that is
 *             in the chain already is success.
 *             For an attached volume it is Nova's doing (drivers/remotefs/online-create.ts): a note in the journal says
 *             what was asked, and nobody asks again. A row that is `error` by Nova's hand is run once more, so that the
 *             chain is put right.
 *   before 2  the row `creating`, the snapshot in the chain: 1 is found done, 2 follows.
 *   2 settle  one transaction: `available`, `100%`, the volume's encryption key as it is now, glance metadata of a
 *             bootable volume, workers row gone, events. (Upstream saves, copies, saves again, and can end between.)
 *
 * A definite failure: `error` and a user message. API and scheduler have charged the quota; deleting gives it back.
 */

const Args = Type.Object({ snapshot: ById });
type Args = Static<typeof Args>;

interface State {
  readonly snapshot: Snapshot;
  readonly volume: Volume | null;
}

interface Made {
  readonly volume: Volume;
  readonly update: SnapshotUpdate;
}

export const createSnapshot: Operation<typeof Args, State, Made> = {
  name: 'create_snapshot',
  args: Args,
  resource: ({ snapshot }) => ({ type: 'Snapshot', id: snapshot.id }),
  workerStatus: 'creating',
  async locks({ snapshot: { id } }, { backend }, rows) {
    const volumeId = (await rows.snapshot(id))?.volume_id;
    return [lockNames.deleteSnapshot(id), ...(volumeId === undefined ? [] : backend.driver.locksForVolume(volumeId))];
  },
  load,
  async run({ snapshot, volume }, { work }, ports) {
    const home = homeOf(snapshot, volume, ports);
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    const { snapshots } = ports.backend.driver;
    if (snapshots === undefined) throw new CinderError('NotSupportedOperation', { operation: 'create snapshot' });
    return { volume: home, update: await snapshots.create(snapshot, home, work) };
  },
  settle: (state, result, scope, ports) =>
    result.ok
      ? settleMade(state.snapshot, result.value, scope, ports)
      : settleFailed(state, result.error, scope, ports),
};

async function load({ snapshot: { id } }: Args, _ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const snapshot = await rows.snapshot(id);
  if (snapshot === null) return { nothingToDo: 'the snapshot is gone' };
  const volume = await rows.volume(snapshot.volume_id);
  const isNovasError = snapshot.status === 'error' && volume?.attach_status === 'attached';
  if (snapshot.status !== 'creating' && !isNovasError) {
    return { nothingToDo: `the snapshot is ${String(snapshot.status)}` };
  }
  return { snapshot, volume };
}

/** Step 2. */
async function settleMade(
  snapshot: Snapshot,
  { volume, update }: Made,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const events = [
    { suffix: 'create.start', snapshot },
    { suffix: 'create.end', snapshot: { ...snapshot, status: 'available' } },
  ];
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await finishSnapshot(db, snapshot, volume, update);
    },
    outbox: await snapshotEvents(ports, context, volume, events),
  };
}

async function settleFailed(
  { snapshot, volume }: State,
  thrown: Error,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const error = toCinderError(thrown);
  const message = failureMessage('createSnapshot', snapshot, context, error);
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      // Nova may have written it already.
      if ((await db.snapshots.get(snapshot.id))?.status !== 'error') await moveSnapshot(db, snapshot, 'error');
      await db.messages.create(message, ports.settings.messageTtlSeconds);
    },
    outbox: await snapshotEvents(ports, context, volume, [{ suffix: 'create.start', snapshot }]),
  };
}
