import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, isCinder } from '../../domain/exceptions.ts';
import type { Group, Volume } from '../../domain/rows.ts';
import { assertGeneric } from '../group-kind.ts';
import { eachMember, outcomeOf, volumesOf } from '../group-members.ts';
import type { MemberResults } from '../group-members.ts';
import { groupEvents } from '../group-notifications.ts';
import { volumeEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import { paysQuota } from '../quota-deltas.ts';
import { NotSettledError, moveGroup, moveVolume, typeNameOf } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { releaseVolume } from '../volume-removal.ts';
import { ById } from './arguments.ts';

/*
 * delete_group, with its volumes (the API has made them `deleting`, and found no snapshot of them).
 *
 * Locks, all at once: the group's own, and of each volume what delete_volume takes.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  the group and its volumes `deleting`: it begins anew.
 *   1 each volume: driver.remove, then one guarded transaction: row, quota, its event. Ended in between: the row is
 *             there and nothing on the share, so it is done once more, which is success; the rows that are left say how
 *             far it is.
 *   before 2  no volume is left: 2 follows.
 *   2 settle  one transaction: the group's row and volume types, quota `groups`, events.
 *
 * A definite failure of a volume does not keep the others; it goes to `error` (`available` if it was busy) and so does
 * the group, which can be deleted again. Upstream deletes the row of a busy volume nevertheless, and with it all that
 * is known of its file; and leaves `deleting` for ever where a volume is attached.
 */

const Args = Type.Object({ group: ById });
type Args = Static<typeof Args>;

interface State {
  readonly group: Group;
  readonly members: readonly Volume[];
}

type Removed = MemberResults<Volume, string>;

export const deleteGroup: Operation<typeof Args, State, Removed> = {
  name: 'delete_group',
  args: Args,
  resource: ({ group }) => ({ type: 'Group', id: group.id }),
  async locks({ group: { id } }, { db, backend }) {
    const volumes = await db.groups.volumeIds(id);
    const ofVolumes = volumes.flatMap((volume) => [
      lockNames.deleteVolume(volume),
      lockNames.attachVolume(volume),
      ...backend.driver.locksForVolume(volume),
    ]);
    return [lockNames.group(id), ...ofVolumes];
  },
  load,
  async run({ group, members }, scope, ports) {
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(group.group_type_id, ports.db);
    return eachMember(members, scope, (volume) => remove(volume, scope, ports));
  },
  settle,
};

async function load({ group: { id } }: Args, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const group = await db.groups.get(id);
  if (group === null) return { nothingToDo: 'the group is gone' };
  if (group.status !== 'deleting') return { nothingToDo: `the group is ${String(group.status)}` };
  return { group, members: await volumesOf(id, db, rows) };
}

/** Step 1 for one volume; answers its id. */
async function remove(volume: Volume, scope: Scope, ports: OperationPorts): Promise<string> {
  await assertRemovable(volume, ports);
  await ports.backend.driver.remove(volume, scope.work);
  const { db, backend } = ports;
  const pays = paysQuota(volume, { adminMetadata: await db.volumes.metadata(volume.id, 'admin_metadata') });
  const removed = { volume, asked: 'deleting', pays, typeName: await typeNameOf(db, volume) };
  // No `delete.end` for members: upstream looks for them after their rows are gone.
  const events = await volumeEvents(ports, scope.context, backend.host, [{ suffix: 'delete.start', volume }]);
  await scope.save(async (tx) => {
    if (events.length > 0) await tx.outbox.add(events, scope.owner);
    await releaseVolume(tx, removed);
  });
  return volume.id;
}

async function assertRemovable(volume: Volume, { db, backend }: OperationPorts): Promise<void> {
  const invalid = (reason: string): CinderError => new CinderError('InvalidVolume', { reason });
  if (!liesOn(backend, volume)) throw invalid(`it does not lie on ${backend.workOf}`);
  if (volume.attach_status === 'attached') throw new CinderError('VolumeAttached', { volume_id: volume.id });
  // It came into the group, or was reset, after the request: nobody asked for its end.
  if (volume.status !== 'deleting') throw invalid(`it is ${String(volume.status)}, not deleting`);
  if ((await db.snapshots.ofVolume(volume.id)).length > 0) {
    throw new CinderError('VolumeIsBusy', { volume_name: `volume-${volume.id}` });
  }
}

/** Step 2. */
async function settle(
  { group, members }: State,
  result: Result<Removed>,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { failed, refusal } = outcomeOf(members, result);
  const after = (): void => ports.backend.capabilitiesChanged();
  const start = { suffix: 'delete.start', group, members: [] };
  if (refusal !== null) {
    return {
      outcome: 'refused',
      detail: refusal,
      apply: async (db) => {
        for (const { member, error } of failed.filter((failure) => failure.member.status === 'deleting')) {
          await moveVolume(db, member, isCinder(error, 'VolumeIsBusy') ? 'available' : 'error');
        }
        await moveGroup(db, group, 'error');
      },
      outbox: await groupEvents(ports, context, [start]),
      after,
    };
  }
  const end = { suffix: 'delete.end', group: { ...group, status: 'deleted' }, members: [] };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      const late = await db.groups.volumeIds(group.id);
      if (late.length > 0) throw new NotSettledError(`group ${group.id} has got another volume`);
      if ((await db.groups.destroy(group.id)) === 0) return;
      if (group.project_id !== null) await db.quotas.adjust(group.project_id, { groups: -1 });
    },
    outbox: await groupEvents(ports, context, [start, end]),
    after,
  };
}
