import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Group, Volume } from '../../domain/rows.ts';
import { volumesOf } from '../group-members.ts';
import { groupEvents } from '../group-notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import type { RowLooks } from '../row-looks.ts';
import { ById, Flag } from './arguments.ts';

/*
 * enable_replication, disable_replication, failover_replication of a group. No driver of ours replicates, so each ends
 * in a refusal.
 *
 * Lock: the group's own. Custody: there is one step, the settlement; a successor finds the group's replication status
 * as the API has set it, and refuses, or finds it refused.
 *
 * The API lets nothing through for a group whose type does not ask for replication, so that these come for groups that
 * were made for another driver only. Upstream's NFS leaves their replication status `enabling` (and so on) for ever,
 * because its driver fails in a way that its manager does not expect; here it becomes `error`, of group and volumes,
 * as upstream's manager does for drivers that fail as expected. Their own statuses stay: nothing has happened to them.
 */

const Target = Type.Optional(Type.Union([Type.Null(), Type.String()]));
const Args = Type.Object({ group: ById, allow_attached_volume: Flag, secondary_backend_id: Target });
type Args = Static<typeof Args>;

interface State {
  readonly group: Group;
  readonly members: readonly Volume[];
  /** What is not as the API leaves it; then nothing at all is changed. */
  readonly misfit: CinderError | null;
}

function operation(name: string, asked: string): Operation<typeof Args, State, never> {
  return {
    name,
    args: Args,
    resource: ({ group }) => ({ type: 'Group', id: group.id }),
    locks: ({ group }) => Promise.resolve([lockNames.group(group.id)]),
    load: (args, ports, rows) => load(args, asked, ports, rows),
    run: ({ group, misfit }) =>
      Promise.reject(
        misfit ??
          new CinderError('ReplicationGroupError', {
            group_id: group.id,
            reason: 'the driver does not replicate groups',
          }),
      ),
    settle: (state, result, scope, ports) => settle(state, result, { name, asked }, scope, ports),
  };
}

export const enableReplication = operation('enable_replication', 'enabling');
export const disableReplication = operation('disable_replication', 'disabling');
export const failoverReplication = operation('failover_replication', 'failing-over');

async function load(args: Args, asked: string, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const group = await db.groups.get(args.group.id);
  if (group === null) return { nothingToDo: 'the group is gone' };
  const members = await volumesOf(group.id, db, rows);
  const mayBeAttached = asked !== 'failing-over' || args.allow_attached_volume === true;
  return { group, members, misfit: misfitOf(group, members, asked, mayBeAttached) };
}

function misfitOf(group: Group, members: readonly Volume[], asked: string, mayBeAttached: boolean): CinderError | null {
  if (group.replication_status !== asked) {
    return new CinderError('InvalidGroup', { reason: `replication status in group ${group.id} is not ${asked}` });
  }
  for (const { id, status, replication_status } of members) {
    if (status === 'in-use' && !mayBeAttached) {
      const reason = `volume ${id} is attached but allow_attached_volume flag is False`;
      return new CinderError('InvalidVolume', { reason });
    }
    if (replication_status !== asked) {
      return new CinderError('InvalidVolume', { reason: `replication status in volume ${id} is not ${asked}` });
    }
  }
  return null;
}

async function settle(
  { group, members, misfit }: State,
  result: Result<never>,
  { name, asked }: { readonly name: string; readonly asked: string },
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const detail = result.ok ? null : toCinderError(result.error).message;
  if (misfit !== null) return { outcome: 'refused', detail, apply: () => Promise.resolve(), outbox: [] };
  return {
    outcome: 'refused',
    detail,
    apply: async (db) => {
      const changes = { replication_status: 'error' };
      const expected = { replication_status: asked };
      await db.groups.update(group.id, changes, expected);
      for (const { id } of members) await db.volumes.update(id, changes, expected);
    },
    outbox: await groupEvents(ports, context, [{ suffix: `${name}.start`, group, members }]),
  };
}
