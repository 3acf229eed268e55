import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import type { OutboxMessage } from '../../db/ports/custody.ts';
import type { Repositories } from '../../db/database.ts';
import { now } from '../../db/ports/resources.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import { migratedFrom } from '../../domain/migration.ts';
import type { Volume } from '../../domain/rows.ts';
import { cacheEvent, settleKept } from '../image-cache.ts';
import { glanceValues, removeKept } from '../image-volume.ts';
import { volumeEvents, wallClock } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { mayReschedule, schedulerArgs } from '../reschedule.ts';
import { NotSettledError, moveVolume } from '../row-moves.ts';
import { failureMessage } from '../user-messages.ts';
import { finishVolume, isRemoved, make, place, placeOf, sourceLocks } from '../volume-making.ts';
import type { MadeVolume } from '../volume-making.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Flag } from './arguments.ts';
import { RequestSpec, bootSource, imageLocks, sourceOf } from './volume-source.ts';
import type { VolumeSource } from './volume-source.ts';

/*
 * create_volume: empty, from a snapshot, from a volume, from an image. (From a backup: refused for good, `error`.)
 *
 * Locks, all at once: the new volume's `delete_volume` and driver locks (nobody deletes it while it is made); of a
 * snapshot its `delete_snapshot` and the driver locks of its volume, whose chain is read; of a source volume its
 * `delete_volume` and driver locks. A snapshot on top of a chain hurts no reader below it, so the source's other
 * snapshots are not locked. They come from the row, not from the request, which may say something else. Of an image that
 * the cache may keep: see image-cache.ts.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `creating`, no provider_location: nothing is on a share. It begins anew.
 *   1 place   choose a share, write provider_location. Only then may a file exist, so the row always names the
 *             place of whatever an owner made. (The place in a migration's target is its source's, copied by
 *             Python, unless it is one of our shares.)
 *   before 2  provider_location is set: it keeps that place, does not choose again.
 *   2 make    driver.create / clone.create at that place. A complete file is success; what an owner left unfinished
 *             has that owner's tag in its name and is removed by the driver before it looks.
 *             From an image: `downloading` first; downloaded to a file of this owner's on this machine, inspected,
             converted to an unfinished file on the share, which then takes the volume's name. A successor downloads
             for itself and does the same again: nobody reads the volume before 3. With the cache a second file is
             made in the same way, for the volume that is kept; its place is noted before.
 *   before 3  a complete file, the row `creating` or `downloading`: 2 is found done, or done again, 3 follows.
 *   3 settle  one transaction: `available`, launched_at, bootable and glance metadata, workers row gone, events, and
 *             the kept volume with its entry in the cache.
 *
 * A definite failure in 1 or 2: what is at the place is removed, still under the locks, and the row goes back to the
 * scheduler (host and place NULL, the cast in the same transaction), or to `error` with a user message. If it cannot be
 * removed the volume goes to `error` and keeps its place, so that deleting it finds the rest. Dying between the removal
 * and the settlement leaves the state "before 2", with nothing there: the successor tries once more to make it.
 *
 * The row was changed by others meanwhile (forced delete, reset): the settlement's comparison fails, everything is
 * rolled back, and the next load sees what is to be done now. Is the row gone, then what was made is removed.
 */

const Args = Type.Object({
  volume: ById,
  request_spec: RequestSpec,
  filter_properties: Type.Optional(Type.Union([Type.Null(), Type.Object({ retry: Type.Optional(Type.Unknown()) })])),
  allow_reschedule: Flag,
});
type Args = Static<typeof Args>;

type GlanceValues = Readonly<Record<string, string | null>>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  readonly source: VolumeSource | { readonly refusal: CinderError };
}

export const createVolume: Operation<typeof Args, State, MadeVolume> = {
  name: 'create_volume',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  workerStatus: 'creating',
  locks: async ({ volume: { id }, request_spec: spec }, ports, rows) => {
    const volume = await rows.volume(id);
    const own = volumeLocks(id, ports.backend);
    const ofSource = await sourceLocks(volume, ports.backend, rows);
    return [...own, ...ofSource, ...(await imageLocks(volume, spec, ports, rows))];
  },
  load,
  async run({ volume, source }, scope, ports) {
    if ('refusal' in source) throw source.refusal;
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    const placed = await place(volume, scope, ports);
    return make(placed, source, scope, ports);
  },
  settle,
};

async function load(args: Args, ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (!isBeingMade(volume)) return { nothingToDo: `the volume is ${String(volume.status)}` };
  if (volume.host === null) return { nothingToDo: 'the volume went back to the scheduler' };
  if (!liesOn(ports.backend, volume)) return { nothingToDo: `the volume belongs to ${volume.host}` };
  return { args, volume, source: await sourceOf(volume, args.request_spec, ports, rows) };
}

function isBeingMade({ status }: Volume): boolean {
  return status === 'creating' || status === 'downloading';
}

/** Step 3, by what the row is now: the steps may have taken hours. */
async function settle(
  state: State,
  result: Result<MadeVolume>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const row = await ports.db.volumes.get(state.volume.id);
  if (row === null) return settleGone(state, result, scope, ports);
  if (!isBeingMade(row) || !liesOn(ports.backend, row)) {
    throw new NotSettledError(`volume ${row.id} was changed to ${String(row.status)} by somebody else`);
  }
  return result.ok
    ? settleMade(row, result.value, scope, ports)
    : settleFailed(state, row, toCinderError(result.error), scope, ports);
}

async function settleMade(row: Volume, made: MadeVolume, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  const { backend } = ports;
  const ended = { ...row, status: 'available', launched_at: wallClock() };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await finishVolume(db, row, made, backend);
      await settleCache(db, made, scope, ports);
    },
    outbox: [...(await events(row, ended, made, scope, ports)), ...cacheEvents(row, made, scope, ports)],
    after: () => {
      backend.capabilitiesChanged();
    },
  };
}

async function settleFailed(
  { args, source }: State,
  row: Volume,
  error: CinderError,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const goesBack = mayReschedule(args, error) && (await isRemoved(row, scope, ports));
  const start = await events(row, null, null, scope, ports);
  const message = failureMessage(
    isAboutImage(source, error) ? 'imageToVolume' : 'createVolume',
    row,
    scope.context,
    error,
  );
  scope.log.error({ err: error, rescheduled: goesBack }, 'the volume could not be created');
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      if (goesBack) {
        await moveVolume(db, row, 'creating', { host: null, provider_location: null, scheduled_at: now });
        await db.workers.create('Volume', row.id, 'creating');
      } else {
        await moveVolume(db, row, 'error');
      }
      await db.messages.create(message, ports.settings.messageTtlSeconds);
    },
    outbox: goesBack ? [...start, schedulerCast(row, error, scope, ports)] : start,
    after: () => {
      ports.backend.capabilitiesChanged();
    },
  };
}

/** Nobody waits for the volume any more; the place of what was made is known from the state only. */
async function settleGone(
  state: State,
  result: Result<MadeVolume>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const volume = result.ok ? result.value.volume : state.volume;
  if (placeOf(volume, ports.backend) !== null) await ports.backend.driver.remove(volume, scope.work);
  const keep = result.ok ? (result.value.from?.keep ?? null) : null;
  if (keep !== null) await removeKept(keep.row, scope, ports);
  return {
    outcome: 'refused',
    detail: 'the volume was removed from the database while it was being created',
    apply: () => Promise.resolve(),
    outbox: [],
  };
}

function schedulerCast(row: Volume, error: CinderError, { wire }: Scope, { messages }: OperationPorts): OutboxMessage {
  const args = schedulerArgs(wire.args, row.id, error);
  return messages.cast(wire.context, { topic: 'cinder-scheduler' }, 'create_volume', '3.0', args);
}

/** A migration's target is no volume of its own: nobody is told of it, unless it counts against a quota. */
async function events(
  row: Volume,
  ended: Volume | null,
  made: MadeVolume | null,
  { context }: Scope,
  ports: OperationPorts,
): Promise<readonly OutboxMessage[]> {
  if (migratedFrom(row) !== null && !row.use_quota) return [];
  const glance = made === null || !ports.messages.enabled ? {} : await inherited(made, ports);
  return volumeEvents(ports, context, row.host ?? ports.backend.host, [
    { suffix: 'create.start', volume: row },
    ...(ended === null ? [] : [{ suffix: 'create.end', volume: ended, ...glance }]),
  ]);
}

/** The glance metadata that the volume is about to have. */
async function inherited({ source, from }: MadeVolume, { db }: OperationPorts): Promise<{ glance?: GlanceValues }> {
  if (from !== undefined) return { glance: glanceValues(from.image) };
  const boot = bootSource(source);
  return boot === null ? {} : { glance: await db.glanceMetadata.of(boot.owner) };
}

async function settleCache(db: Repositories, { from }: MadeVolume, scope: Scope, ports: OperationPorts): Promise<void> {
  if (from === undefined) return;
  if (from.hit !== null) await db.imageCache.used(from.hit.entry.id);
  if (from.keep !== null) await settleKept(db, from.keep, scope, ports);
}

function cacheEvents(row: Volume, { from }: MadeVolume, scope: Scope, ports: OperationPorts): readonly OutboxMessage[] {
  if (from === undefined || ports.imageCache === null) return [];
  return from.hit === null
    ? cacheEvent('miss', from.image.id, row.host, scope, ports)
    : cacheEvent('hit', from.image.id, from.hit.entry.host, scope, ports);
}

/** Whether the user is told of the image rather than of the volume. */
function isAboutImage(source: State['source'], { exception }: CinderError): boolean {
  return 'kind' in source && source.kind === 'image' && exception.includes('Image');
}
