import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import { now } from '../../db/ports/resources.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Group, Volume } from '../../domain/rows.ts';
import { assertGeneric } from '../group-kind.ts';
import { eachMember, outcomeOf, volumesOf } from '../group-members.ts';
import type { MemberResults } from '../group-members.ts';
import { groupEvents } from '../group-notifications.ts';
import { sourceRefusal } from '../group-source.ts';
import { wallClock } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import { moveGroup, moveVolume } from '../row-moves.ts';
import type { RowLooks } from '../row-looks.ts';
import { finishVolume, make, place, sourceLocks } from '../volume-making.ts';
import type { MadeVolume } from '../volume-making.ts';
import { ById } from './arguments.ts';
import { sourceOf } from './volume-source.ts';
import type { VolumeSource } from './volume-source.ts';

/*
 * create_group_from_src: of a group snapshot each snapshot, or of a group each volume, becomes a volume of a new group.
 * The API has made the rows of group and volumes; each volume's row names its source.
 *
 * Locks, all at once: the group's own, and of each volume what create_volume takes, its source's included.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  group and volumes `creating`: it begins anew.
 *   1 each volume: its place is written into its row, then the driver makes the file there. A place that is written is
 *             kept; a complete file is success; what an owner left unfinished has its tag in its name and is removed.
 *   before 2  some or all files complete, all rows `creating`: 1 finds them done and makes the rest.
 *   2 settle  one transaction: each volume as create_volume leaves it, the group `available`, events.
 *
 * A volume of the group that is `available` already counts as made. A definite failure of any, or a source that is gone
 * or not `available`: group and volumes go to `error`; the volumes keep their places, so that deleting finds the files.
 */

const Args = Type.Object({ group: ById });
type Args = Static<typeof Args>;

interface State {
  readonly group: Group;
  readonly members: readonly Volume[];
  readonly sources: ReadonlyMap<string, VolumeSource | { readonly refusal: CinderError }>;
  readonly refusal: CinderError | null;
}

type MadeAll = MemberResults<Volume, MadeVolume>;

export const createGroupFromSrc: Operation<typeof Args, State, MadeAll> = {
  name: 'create_group_from_src',
  args: Args,
  resource: ({ group }) => ({ type: 'Group', id: group.id }),
  async locks({ group: { id } }, { db, backend }, rows) {
    const volumes = await volumesOf(id, db, rows);
    const ofSources = await Promise.all(volumes.map((volume) => sourceLocks(volume, backend, rows)));
    const ofVolumes = volumes.flatMap((volume) => [
      lockNames.deleteVolume(volume.id),
      ...backend.driver.locksForVolume(volume.id),
    ]);
    return [lockNames.group(id), ...ofVolumes, ...ofSources.flat()];
  },
  load,
  async run({ group, members, sources, refusal }, scope, ports) {
    if (refusal !== null) throw refusal;
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    await assertGeneric(group.group_type_id, ports.db);
    return eachMember(members.filter(isOpen), scope, (volume) => makeOne(volume, sources, scope, ports));
  },
  settle,
};

async function load(args: Args, ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const { db, backend } = ports;
  const group = await db.groups.get(args.group.id);
  if (group === null) return { nothingToDo: 'the group is gone' };
  if (group.status !== 'creating') return { nothingToDo: `the group is ${String(group.status)}` };
  if (!liesOn(backend, group)) return { nothingToDo: `the group belongs to ${String(group.host)}` };
  const members = await volumesOf(group.id, db, rows);
  const sources = new Map<string, VolumeSource | { readonly refusal: CinderError }>();
  for (const volume of members) sources.set(volume.id, await sourceOf(volume, null, ports, rows));
  return { group, members, sources, refusal: await sourceRefusal(group, members, db, rows) };
}

const isOpen = ({ status }: Volume): boolean => status !== 'available';

/** Step 1 for one volume. */
async function makeOne(
  volume: Volume,
  sources: State['sources'],
  scope: Scope,
  ports: OperationPorts,
): Promise<MadeVolume> {
  const source = sources.get(volume.id);
  if (source === undefined || 'refusal' in source) {
    throw source?.refusal ?? new CinderError('InvalidVolume', { reason: 'it has no source' });
  }
  if (volume.status !== 'creating') {
    throw new CinderError('InvalidVolume', { reason: `it is ${String(volume.status)}, not creating` });
  }
  const placed = await place(volume, scope, ports);
  return make(placed, source, scope, ports);
}

/** Step 2. */
async function settle(state: State, result: Result<MadeAll>, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  const { group, members } = state;
  const { refusal, done } = outcomeOf(members.filter(isOpen), result);
  const start = { suffix: 'create.start', group, members };
  if (refusal !== null) {
    return {
      outcome: 'refused',
      detail: refusal,
      apply: async (db) => {
        for (const { id } of members) {
          // As it is now: a place may have been written.
          const row = await db.volumes.get(id);
          if (row?.status === 'creating') await moveVolume(db, row, 'error');
        }
        await moveGroup(db, group, 'error');
      },
      outbox: await groupEvents(ports, scope.context, [start]),
    };
  }
  const there = await withRows(done, scope, ports);
  const ended = { ...group, status: 'available', created_at: wallClock() };
  const endedVolumes = members.map((volume) => ({ ...volume, status: 'available', created_at: wallClock() }));
  const end = { suffix: 'create.end', group: ended, members: endedVolumes };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      for (const made of there) {
        await finishVolume(db, made.volume, made, ports.backend, { created_at: now, ...inherited(made.source) });
      }
      await moveGroup(db, group, 'available', { created_at: now });
    },
    outbox: await groupEvents(ports, scope.context, [start, end]),
    after: () => ports.backend.capabilitiesChanged(),
  };
}

/** A clone may be attached as often as its source; a volume of a snapshot may not (upstream's rule). */
function inherited(source: VolumeSource): Partial<Volume> {
  return source.kind === 'volume' && source.volume.multiattach ? { multiattach: true } : {};
}

/** Those whose rows are there; the files of the others are removed, for nobody waits for them any more. */
async function withRows(
  done: readonly MadeVolume[],
  scope: Scope,
  { db, backend }: OperationPorts,
): Promise<readonly MadeVolume[]> {
  const there: MadeVolume[] = [];
  for (const made of done) {
    if ((await db.volumes.get(made.volume.id)) === null) await backend.driver.remove(made.volume, scope.work);
    else there.push(made);
  }
  return there;
}
