import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, isCinder } from '../../domain/exceptions.ts';
import type { GroupSnapshot, Snapshot } from '../../domain/rows.ts';
import { assertGeneric } from '../group-kind.ts';
import { eachMember, outcomeOf, snapshotsOf } from '../group-members.ts';
import type { MemberResults } from '../group-members.ts';
import { groupSnapshotEvents } from '../group-notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { homeOf } from '../ownership.ts';
import { NotSettledError, moveGroupSnapshot, moveSnapshot, typeNameOf } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { chainLocks, releaseSnapshot, removalEvents, removeSnapshot } from '../snapshot-removal.ts';
import { ById } from './arguments.ts';

/*
 * delete_group_snapshot, with its snapshots (the API has made them `deleting`).
 *
 * Locks, all at once: the group snapshot's own, and of each snapshot what delete_snapshot takes: the driver locks of
 * its volume and `delete_snapshot` of every snapshot of that volume.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  the group snapshot and its snapshots `deleting`: it begins anew.
 *   1 each snapshot: driver.snapshots.remove, then one guarded transaction: row, quota, events. Ended in between: the
 *             row is there and nothing in the chain, so it is done once more, which is success.
 *   before 2  no snapshot is left: 2 follows.
 *   2 settle  one transaction: the group snapshot's row, events.
 *
 * A definite failure of one does not keep the others; it goes to `error` (`available` if it was busy) and so does the
 * group snapshot, which can be deleted again. Upstream deletes the row of a busy snapshot nevertheless.
 */

const Args = Type.Object({ group_snapshot: ById });
type Args = Static<typeof Args>;

interface State {
  readonly groupSnapshot: GroupSnapshot;
  readonly members: readonly Snapshot[];
}

type Removed = MemberResults<Snapshot, string>;

export const deleteGroupSnapshot: Operation<typeof Args, State, Removed> = {
  name: 'delete_group_snapshot',
  args: Args,
  resource: ({ group_snapshot }) => ({ type: 'GroupSnapshot', id: group_snapshot.id }),
  async locks({ group_snapshot: { id } }, { db, backend }, rows) {
    const snapshots = await snapshotsOf(id, db, rows);
    const chains = await Promise.all(snapshots.map(({ volume_id }) => chainLocks(volume_id, backend, rows)));
    return [lockNames.groupSnapshot(id), ...snapshots.map((one) => lockNames.deleteSnapshot(one.id)), ...chains.flat()];
  },
  load,
  async run({ groupSnapshot, members }, scope, ports) {
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(groupSnapshot.group_type_id, ports.db);
    return eachMember(members, scope, (snapshot) => remove(snapshot, scope, ports));
  },
  settle,
};

async function load(args: Args, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const groupSnapshot = await db.groupSnapshots.get(args.group_snapshot.id);
  if (groupSnapshot === null) return { nothingToDo: 'the group snapshot is gone' };
  const { id, status } = groupSnapshot;
  if (status !== 'deleting') return { nothingToDo: `the group snapshot is ${String(status)}` };
  return { groupSnapshot, members: await snapshotsOf(id, db, rows) };
}

/** Step 1 for one snapshot; answers its id. */
async function remove(snapshot: Snapshot, scope: Scope, ports: OperationPorts): Promise<string> {
  const { db } = ports;
  const volume = await db.volumes.get(snapshot.volume_id);
  const home = homeOf(snapshot, volume, ports);
  // It came into the group snapshot, or was reset, after the request: nobody asked for its end.
  if (snapshot.status !== 'deleting') {
    throw new CinderError('InvalidSnapshot', { reason: `it is ${String(snapshot.status)}, not deleting` });
  }
  const update = await removeSnapshot(snapshot, home, scope, ports);
  const typeName = await typeNameOf(db, home);
  const events = await removalEvents(ports, scope.context, snapshot, volume, true);
  await scope.save(async (tx) => {
    if (events.length > 0) await tx.outbox.add(events, scope.owner);
    await releaseSnapshot(tx, { snapshot, typeName, update }, ports.settings);
  });
  return snapshot.id;
}

/** Step 2. The snapshots' own events went out with their rows. */
async function settle(
  { groupSnapshot, members }: State,
  result: Result<Removed>,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { failed, refusal } = outcomeOf(members, result);
  const start = { suffix: 'delete.start', groupSnapshot, members: [] };
  if (refusal !== null) {
    return {
      outcome: 'refused',
      detail: refusal,
      apply: async (db) => {
        for (const { member, error } of failed.filter((failure) => failure.member.status === 'deleting')) {
          await moveSnapshot(db, member, isCinder(error, 'SnapshotIsBusy') ? 'available' : 'error');
        }
        await moveGroupSnapshot(db, groupSnapshot, 'error');
      },
      outbox: await groupSnapshotEvents(ports, context, [start]),
    };
  }
  const end = { suffix: 'delete.end', groupSnapshot: { ...groupSnapshot, status: 'deleted' }, members: [] };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      if ((await db.groupSnapshots.snapshotIds(groupSnapshot.id)).length > 0) {
        throw new NotSettledError(`group snapshot ${groupSnapshot.id} has got another snapshot`);
      }
      await db.groupSnapshots.destroy(groupSnapshot.id);
    },
    outbox: await groupSnapshotEvents(ports, context, [start, end]),
  };
}
