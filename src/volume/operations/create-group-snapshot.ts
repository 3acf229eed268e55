import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { GroupSnapshot, Snapshot, Volume } from '../../domain/rows.ts';
import type { VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import { assertGeneric } from '../group-kind.ts';
import { eachMember, outcomeOf, snapshotsOf } from '../group-members.ts';
import type { MemberResults } from '../group-members.ts';
import { groupSnapshotEvents } from '../group-notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { homeOf } from '../ownership.ts';
import { moveGroupSnapshot, moveSnapshot } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { finishSnapshot } from '../snapshot-making.ts';
import { ById } from './arguments.ts';

/*
 * create_group_snapshot: a snapshot of each volume of a group, one after the other; they are not of one instant.
 *
 * Locks, all at once: the group snapshot's own, and of each snapshot what create_snapshot takes.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  the group snapshot and its snapshots `creating`, the chains as they were: it begins anew.
 *   1 each snapshot: driver.snapshots.create, whose commit points leave a chain that it can carry on. One that is in
 *             its chain already is success.
 *   before 2  some or all in their chains, all rows `creating`: 1 finds them done and makes the rest.
 *   2 settle  one transaction: each snapshot as create_snapshot leaves it, the group snapshot `available`, events.
 *
 * A snapshot of the group that is `available` already counts as made. A definite failure of one does not keep the
 * others; it goes to `error`, and the group snapshot too. Quota was charged by the API; deleting gives it back.
 */

const Args = Type.Object({ group_snapshot: ById });
type Args = Static<typeof Args>;

interface State {
  readonly groupSnapshot: GroupSnapshot;
  readonly members: readonly Snapshot[];
  readonly volumes: ReadonlyMap<string, Volume>;
}

interface Made {
  readonly snapshot: Snapshot;
  readonly volume: Volume;
  readonly update: VolumeModelUpdate;
}

type MadeAll = MemberResults<Snapshot, Made>;

export const createGroupSnapshot: Operation<typeof Args, State, MadeAll> = {
  name: 'create_group_snapshot',
  args: Args,
  resource: ({ group_snapshot }) => ({ type: 'GroupSnapshot', id: group_snapshot.id }),
  async locks({ group_snapshot: { id } }, { db, backend }, rows) {
    const snapshots = await snapshotsOf(id, db, rows);
    const ofSnapshots = snapshots.flatMap((snapshot) => [
      lockNames.deleteSnapshot(snapshot.id),
      ...backend.driver.locksForVolume(snapshot.volume_id),
    ]);
    return [lockNames.groupSnapshot(id), ...ofSnapshots];
  },
  load,
  async run({ groupSnapshot, members, volumes }, scope, ports) {
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(groupSnapshot.group_type_id, ports.db);
    const open = members.filter(({ status }) => status !== 'available');
    return eachMember(open, scope, (snapshot) => make(snapshot, volumes, scope, ports));
  },
  settle,
};

async function load(args: Args, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const groupSnapshot = await db.groupSnapshots.get(args.group_snapshot.id);
  if (groupSnapshot === null) return { nothingToDo: 'the group snapshot is gone' };
  const { id, status } = groupSnapshot;
  if (status !== 'creating') return { nothingToDo: `the group snapshot is ${String(status)}` };
  const members = await snapshotsOf(id, db, rows);
  const volumes = await Promise.all(members.map((snapshot) => rows.volume(snapshot.volume_id)));
  const byId = volumes.flatMap((volume) => (volume === null ? [] : [[volume.id, volume] as const]));
  return { groupSnapshot, members, volumes: new Map(byId) };
}

/** Step 1 for one snapshot. */
async function make(
  snapshot: Snapshot,
  volumes: State['volumes'],
  { work }: Scope,
  ports: OperationPorts,
): Promise<Made> {
  const volume = homeOf(snapshot, volumes.get(snapshot.volume_id) ?? null, ports);
  if (snapshot.status !== 'creating') {
    const reason = `it is ${String(snapshot.status)}, not creating`;
    throw new CinderError('InvalidSnapshot', { reason });
  }
  const { snapshots } = ports.backend.driver;
  if (snapshots === undefined) throw new CinderError('NotSupportedOperation', { operation: 'create snapshot' });
  return { snapshot, volume, update: await snapshots.create(snapshot, volume, work) };
}

/** Step 2. */
async function settle(
  { groupSnapshot, members, volumes }: State,
  result: Result<MadeAll>,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { done, failed, refusal } = outcomeOf(
    members.filter(({ status }) => status !== 'available'),
    result,
  );
  const at = (status?: string): readonly { snapshot: Snapshot; volume: Volume | null }[] =>
    members.map((snapshot) => ({
      snapshot: status === undefined ? snapshot : { ...snapshot, status },
      volume: volumes.get(snapshot.volume_id) ?? null,
    }));
  const start = { suffix: 'create.start', groupSnapshot, members: at() };
  const ended = { ...groupSnapshot, status: 'available' };
  const end = { suffix: 'create.end', groupSnapshot: ended, members: at('available') };
  return {
    outcome: refusal === null ? 'done' : 'refused',
    detail: refusal,
    apply: async (db) => {
      for (const { snapshot, volume, update } of done) await finishSnapshot(db, snapshot, volume, update);
      for (const { member } of failed) if (member.status === 'creating') await moveSnapshot(db, member, 'error');
      await moveGroupSnapshot(db, groupSnapshot, refusal === null ? 'available' : 'error');
    },
    outbox: await groupSnapshotEvents(ports, context, refusal === null ? [start, end] : [start]),
  };
}
