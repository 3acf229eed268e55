import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { now } from '../../db/ports/resources.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Group, Volume } from '../../domain/rows.ts';
import { assertGeneric } from '../group-kind.ts';
import { volumesOf } from '../group-members.ts';
import { groupEvents } from '../group-notifications.ts';
import { wallClock } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import { moveGroup } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { ById } from './arguments.ts';

/*
 * create_group: a generic group is nothing on the backend, so this only answers the request.
 *
 * Lock: the group's own, so that of all that is asked of it one is done at a time.
 *
 * Custody: there is one step. A successor finds `creating` and settles, or finds it settled.
 *
 *   1 settle  one transaction: `available` and created_at, events.
 *
 * A definite failure (no driver, a type that no driver of ours serves): `error`.
 */

const Args = Type.Object({ group: ById });
type Args = Static<typeof Args>;

interface State {
  readonly group: Group;
  readonly members: readonly Volume[];
}

export const createGroup: Operation<typeof Args, State, null> = {
  name: 'create_group',
  args: Args,
  resource: ({ group }) => ({ type: 'Group', id: group.id }),
  locks: ({ group }) => Promise.resolve([lockNames.group(group.id)]),
  load,
  async run({ group }, _scope, { db, backend }) {
    if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(group.group_type_id, db);
    return null;
  },
  settle,
};

async function load(
  { group: { id } }: Args,
  { db, backend }: OperationPorts,
  rows: RowLooks,
): Promise<State | NothingToDo> {
  const group = await db.groups.get(id);
  if (group === null) return { nothingToDo: 'the group is gone' };
  if (group.status !== 'creating') return { nothingToDo: `the group is ${String(group.status)}` };
  if (!liesOn(backend, group)) return { nothingToDo: `the group belongs to ${String(group.host)}` };
  return { group, members: await volumesOf(id, db, rows) };
}

async function settle(
  { group, members }: State,
  result: Result<null>,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const start = { suffix: 'create.start', group, members };
  if (!result.ok) {
    return {
      outcome: 'refused',
      detail: toCinderError(result.error).message,
      apply: (db) => moveGroup(db, group, 'error'),
      outbox: await groupEvents(ports, context, [start]),
    };
  }
  const ended = { ...group, status: 'available', created_at: wallClock() };
  return {
    outcome: 'done',
    detail: null,
    apply: (db) => moveGroup(db, group, 'available', { created_at: now }),
    outbox: await groupEvents(ports, context, [start, { suffix: 'create.end', group: ended, members }]),
  };
}
