import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Group, Volume } from '../../domain/rows.ts';
import { assertGeneric } from '../group-kind.ts';
import { volumesOf } from '../group-members.ts';
import { groupEvents } from '../group-notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import { NotSettledError, moveGroup } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { ById } from './arguments.ts';

/*
 * update_group: volumes join and leave. Membership is in the rows alone.
 *
 * Lock: the group's own. The volumes are not locked: each is written by a comparison with the status that allows the
 * move, so that one that is being deleted meanwhile makes the settlement fail and is seen by the next load.
 *
 * Custody: there is one step. A successor finds `updating` and settles, or finds it settled.
 *
 *   1 settle  one transaction: group_id of those that join and leave, the group `available`, events.
 *
 * A definite failure (a volume is gone, elsewhere, or in a state that does not allow it; no driver): nobody joins or
 * leaves, the group goes to `error`. Where upstream finds the volumes themselves unfit it leaves `updating` for ever.
 */

const Ids = Type.Optional(
  Type.Union([Type.Null(), Type.String({ pattern: '^([0-9a-fA-F-]{36}(,[0-9a-fA-F-]{36})*)?$' })]),
);
const Args = Type.Object({ group: ById, add_volumes: Ids, remove_volumes: Ids });
type Args = Static<typeof Args>;

interface State {
  readonly group: Group;
  readonly members: readonly Volume[];
  readonly joining: readonly Volume[];
  readonly leaving: readonly Volume[];
  readonly refusal: CinderError | null;
}

const MAY_JOIN = ['available', 'in-use'];
const MAY_LEAVE = ['available', 'in-use', 'error', 'error_deleting'];

export const updateGroup: Operation<typeof Args, State, null> = {
  name: 'update_group',
  args: Args,
  resource: ({ group }) => ({ type: 'Group', id: group.id }),
  locks: ({ group }) => Promise.resolve([lockNames.group(group.id)]),
  load,
  async run({ group, refusal }, _scope, { db, backend }) {
    if (refusal !== null) throw refusal;
    if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(group.group_type_id, db);
    return null;
  },
  settle,
};

async function load(args: Args, ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const { db } = ports;
  const group = await db.groups.get(args.group.id);
  if (group === null) return { nothingToDo: 'the group is gone' };
  if (group.status !== 'updating') return { nothingToDo: `the group is ${String(group.status)}` };
  const members = await volumesOf(group.id, db, rows);
  const state = { group, members, joining: [], leaving: [], refusal: null };
  try {
    const joining = await named(args.add_volumes, MAY_JOIN, rows);
    const foreign = joining.find((volume) => !liesOn(ports.backend, volume));
    if (foreign !== undefined) throw invalid(`${foreign.id} does not lie on ${ports.backend.workOf}`);
    return { ...state, joining, leaving: await named(args.remove_volumes, MAY_LEAVE, rows) };
  } catch (thrown) {
    if (!(thrown instanceof CinderError)) throw thrown;
    return { ...state, refusal: thrown as CinderError };
  }
}

/** The volumes of a list of ids, joined by commas; throws for the first that is not there or not in a fit state. */
async function named(ids: string | null | undefined, fit: readonly string[], rows: RowLooks): Promise<Volume[]> {
  const volumes: Volume[] = [];
  for (const id of new Set((ids ?? '').split(',').filter((part) => part !== ''))) {
    const volume = await rows.volume(id);
    if (volume === null) throw new CinderError('VolumeNotFound', { volume_id: id });
    if (!fit.includes(volume.status ?? '')) throw invalid(`${id} is ${String(volume.status)}, not ${fit.join(', ')}`);
    volumes.push(volume);
  }
  return volumes;
}

function invalid(reason: string): CinderError {
  return new CinderError('InvalidVolume', { reason });
}

async function settle(
  state: State,
  result: Result<null>,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { group, members, joining, leaving } = state;
  const start = { suffix: 'update.start', group, members };
  if (!result.ok) {
    const error = toCinderError(result.error);
    return {
      outcome: 'refused',
      detail: error.message,
      apply: (db) => moveGroup(db, group, 'error'),
      // Upstream refuses what is unfit before it tells anybody of the update.
      outbox: state.refusal === null ? await groupEvents(ports, context, [start]) : [],
    };
  }
  const left = new Set(leaving.map(({ id }) => id));
  const after = [...members.filter(({ id }) => !left.has(id)), ...joining];
  const end = { suffix: 'update.end', group: { ...group, status: 'available' }, members: after };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      for (const { id } of joining) {
        const changed = await db.volumes.update(id, { group_id: group.id }, { status: MAY_JOIN });
        if (changed === 0) throw new NotSettledError(`volume ${id} may not join a group any more`);
      }
      // One that is in no group, or in another by now, has left.
      for (const { id } of leaving) await db.volumes.update(id, { group_id: null }, { group_id: group.id });
      await moveGroup(db, group, 'available');
    },
    outbox: await groupEvents(ports, context, [start, end]),
  };
}
