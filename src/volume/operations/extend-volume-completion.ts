import { Type } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Operation, OperationPorts } from '../operation.ts';
import { liesElsewhere, liesOn } from '../ownership.ts';
import { loadExtending, settleGrown, settleNotGrown, type Growth } from '../volume-growth.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById } from './arguments.ts';

/*
 * extend_volume_completion (from RPC 3.19 on): the compute service has extended an attached volume, or could not. Our
 * drivers refuse to extend these; but a Python peer on the same queues may have asked for it, and the answer comes to us.
 *
 * Locks, all at once: as for extend_volume, whose second half this is.
 *
 * Custody: nothing is done on the backend. What a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `extending`: it settles. What is not `extending` (any more) was settled: it is left alone.
 *   1 settle  one transaction: the size, `available` or `in-use`, the reservations charged, `resize.end`; where it failed
 *             `error_extending`, a user message, the reservations given back.
 */

const Args = Type.Object({
  volume: ById,
  /** GiB. */
  new_size: Type.Integer({ minimum: 1 }),
  reservations: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  error: Type.Boolean(),
});

interface Completion extends Growth {
  readonly failed: boolean;
}

export const extendVolumeCompletion: Operation<typeof Args, Completion, null> = {
  name: 'extend_volume_completion',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  async load({ volume: { id }, new_size, reservations, error }, _ports, rows) {
    const found = await loadExtending(id, rows);
    if ('nothingToDo' in found) return found;
    return { volume: found, sizeGb: new_size, reservations: reservations ?? [], isBegun: true, failed: error };
  },
  run: (completion, _scope, ports) => {
    const refusal = refusalOf(completion, ports);
    return refusal === null ? Promise.resolve(null) : Promise.reject(refusal);
  },
  settle: (growth, result, scope, ports) =>
    result.ok
      ? settleGrown(growth, {}, scope, ports)
      : settleNotGrown(growth, toCinderError(result.error), scope, ports),
};

function refusalOf({ volume, failed }: Completion, { backend }: OperationPorts): CinderError | null {
  if (!liesOn(backend, volume)) return liesElsewhere(volume, backend);
  if (!failed) return null;
  const reason = `the compute service could not extend volume ${volume.id}`;
  return new CinderError('ExtendVolumeError', { reason }, { outcome: 'failed' });
}
