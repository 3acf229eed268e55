import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { now } from '../../db/ports/resources.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Json } from '../../domain/json.ts';
import type { Volume } from '../../domain/rows.ts';
import type { FoundVolume, ManageAbility, VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import { volumeEvents, wallClock } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { assertLiesOn } from '../ownership.ts';
import { chargeWithinLimits, requireVolumeSize } from '../quota-charge.ts';
import { gigabytes } from '../quota-deltas.ts';
import type { RowLooks } from '../row-looks.ts';
import { changed, mergeAdminMetadata, moveVolume, splitUpdate, typeNameOf } from '../row-moves.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Reference } from './arguments.ts';

/*
 * manage_existing: what an operator put on the storage, or let go of, becomes a volume.
 *
 * Locks, all at once: the volume's `delete_volume` and driver locks, and the driver's lock on what the reference names,
 * so that no two volumes take the same thing.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `managing`, size 0, no provider_location: it begins anew.
 *   1 find    what the reference names, how large it is, that it may be taken in. Nothing is changed.
 *   2 charge  one guarded transaction: place and size into the row, and the size to the project's quota, within its
 *             limits. The row's size is what has been charged: a successor that finds another one charges the difference.
 *   3 take    driver.manage.take, whose own commit points leave what it can carry on; taken already is success.
 *   before 4  `managing`, with place and size: 1 finds what was taken as well, 2 has nothing to charge, 3 follows.
 *   4 settle  one transaction: `available`, launched_at, what the driver says, events.
 *
 * A definite failure: `error_managing`, size 0 and no place, as the row came, the charge given back. Deleting such a
 * volume touches no file. Nobody is told but the log and the status, as upstream; the API charged the count of volumes.
 *
 * The row is gone meanwhile: what was taken keeps the volume's name on the storage, and the log says so; it can be taken
 * in again by that name.
 */

const Args = Type.Object({ volume: ById, ref: Reference });
type Args = Static<typeof Args>;

interface State {
  readonly volume: Volume;
  readonly reference: Json;
  readonly typeName: string | null;
}

interface Taken {
  readonly volume: Volume;
  readonly update: VolumeModelUpdate;
}

export const manageExisting: Operation<typeof Args, State, Taken> = {
  name: 'manage_existing',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id }, ref = null }, { backend }) => {
    const named = backend.driver.manage?.locksFor(ref) ?? [];
    return Promise.resolve([...volumeLocks(id, backend), ...named]);
  },
  load,
  async run(state, scope, ports) {
    const { volume, reference } = state;
    const manage = abilityFor(volume, ports);
    const found = await manage.find(volume, reference, scope.work);
    const charged = await charge(state, found, scope, ports);
    return { volume: charged, update: await manage.take(charged, reference, scope.work) };
  },
  settle: (state, result, scope, ports) =>
    result.ok ? settleTaken(state, result.value, scope, ports) : settleFailed(state, result.error, scope, ports),
};

async function load(
  { volume: { id }, ref = null }: Args,
  { db }: OperationPorts,
  rows: RowLooks,
): Promise<State | NothingToDo> {
  const volume = await rows.volume(id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'managing') return { nothingToDo: `the volume is ${String(volume.status)}` };
  return { volume, reference: ref, typeName: await typeNameOf(db, volume) };
}

function abilityFor(volume: Volume, { backend }: OperationPorts): ManageAbility {
  assertLiesOn(backend, volume);
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  const { manage } = backend.driver;
  if (manage === undefined) throw new CinderError('NotSupportedOperation', { operation: 'manage' });
  return manage;
}

/** Step 2. The row as it is afterwards. */
async function charge(
  { volume, typeName }: State,
  { sizeGb, provider_location }: FoundVolume,
  scope: Scope,
  { provisioned }: OperationPorts,
): Promise<Volume> {
  const { id, status, host, size, project_id: projectId } = volume;
  const more = sizeGb - (size ?? 0);
  if (more === 0 && volume.provider_location === provider_location) return volume;
  await scope.save(async (db) => {
    if (projectId !== null) await requireVolumeSize(db, projectId, sizeGb);
    const sized = { size: sizeGb, provider_location };
    if ((await db.volumes.update(id, sized, { status, host, size })) === 0) throw changed(volume);
    if (projectId === null || more === 0) return;
    await chargeWithinLimits(db, { projectId, sizeGb, deltas: gigabytes(more, typeName) });
  });
  await provisioned.placed(provider_location, more);
  return { ...volume, size: sizeGb, provider_location };
}

/** Step 4. */
async function settleTaken(state: State, taken: Taken, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  const { backend } = ports;
  const { volume, update } = taken;
  if ((await ports.db.volumes.get(volume.id)) === null) return settleGone(volume, scope);
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await moveVolume(db, volume, 'available', {
        ...splitUpdate(update).columns,
        launched_at: now,
        shared_targets: backend.driver.info.sharedTargets,
        service_uuid: backend.service.uuid,
      });
      await mergeAdminMetadata(db, volume.id, update);
    },
    outbox: await events(state, { ...volume, status: 'available', launched_at: wallClock() }, scope, ports),
    after: () => {
      backend.capabilitiesChanged();
    },
  };
}

async function settleFailed(state: State, thrown: Error, scope: Scope, ports: OperationPorts): Promise<Settlement> {
  const error = toCinderError(thrown);
  const row = await ports.db.volumes.get(state.volume.id);
  if (row === null) return settleGone(state.volume, scope);
  const { project_id: projectId } = row;
  const charged = row.size ?? 0;
  scope.log.error({ err: error, reference: state.reference }, 'the volume could not be taken in');
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      await moveVolume(db, row, 'error_managing', { size: 0, provider_location: null });
      if (projectId === null || charged === 0) return;
      await db.quotas.adjust(projectId, gigabytes(-charged, state.typeName));
    },
    outbox: await events(state, null, scope, ports),
  };
}

function settleGone({ id, provider_location }: Volume, { log }: Scope): Settlement {
  const detail = 'the volume was removed from the database while it was being taken in';
  log.warn({ volume_id: id, location: provider_location }, `${detail}; its file, if it was renamed, is volume-${id}`);
  return { outcome: 'refused', detail, apply: () => Promise.resolve(), outbox: [] };
}

/** A volume whose work begins has size 0, also where a predecessor has charged it. */
function events(
  { volume }: State,
  ended: Volume | null,
  { context }: Scope,
  ports: OperationPorts,
): ReturnType<typeof volumeEvents> {
  return volumeEvents(ports, context, volume.host ?? ports.backend.host, [
    { suffix: 'manage_existing.start', volume: { ...volume, size: 0 } },
    ...(ended === null ? [] : [{ suffix: 'manage_existing.end', volume: ended }]),
  ]);
}
