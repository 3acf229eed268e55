import { Type } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { Operation, OperationPorts, Scope } from '../operation.ts';
import { assertLiesOn } from '../ownership.ts';
import { loadExtending, settleGrown, settleNotGrown, type Growth } from '../volume-growth.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById } from './arguments.ts';

/*
 * extend_volume.
 *
 * Locks, all at once: the volume's `delete_volume` (nobody clones it meanwhile) and driver locks, whose active image
 * gets longer. (Upstream's NFS driver takes none.)
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `extending`, the old size: it begins anew.
 *   1 grow    driver.growth.extend: a volume that has the new size already is success.
 *   before 2  `extending`, the file grown: 1 is found done, 2 follows.
 *   2 settle  one transaction: the size, `available` or `in-use`, the reservations of the quota charged, events.
 *
 * A definite failure: `error_extending`, a user message, the reservations given back. (Upstream keeps them where its
 * driver is not ready, until they expire.) An attached volume is one: upstream's NFS refuses it as well.
 */

const Args = Type.Object({
  volume: ById,
  /** GiB. */
  new_size: Type.Integer({ minimum: 1 }),
  reservations: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
});

export const extendVolume: Operation<typeof Args, Growth, VolumeModelUpdate> = {
  name: 'extend_volume',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  async load({ volume: { id }, new_size, reservations }, _ports, rows) {
    const found = await loadExtending(id, rows);
    if ('nothingToDo' in found) return found;
    return { volume: found, sizeGb: new_size, reservations: reservations ?? [], isBegun: false };
  },
  run: extend,
  settle: (growth, result, scope, ports) =>
    result.ok
      ? settleGrown(growth, result.value, scope, ports)
      : settleNotGrown(growth, toCinderError(result.error), scope, ports),
};

async function extend(
  { volume, sizeGb }: Growth,
  { work }: Scope,
  { backend, provisioned }: OperationPorts,
): Promise<VolumeModelUpdate> {
  assertLiesOn(backend, volume);
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {});
  const { growth } = backend.driver;
  if (growth === undefined) throw new CinderError('NotSupportedOperation', { operation: 'extend' });
  const promised = await provisioned.byLocation(backend.driver.locations());
  const update = await growth.extend({ volume, sizeGb, provisioned: promised }, work);
  if (volume.provider_location !== null) {
    await provisioned.placed(volume.provider_location, sizeGb - (volume.size ?? 0));
  }
  return update;
}
