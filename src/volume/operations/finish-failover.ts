import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { ServiceChanges } from '../../db/ports/services.ts';
import type { Service } from '../../domain/rows.ts';
import { finishFailover as endOf } from '../finish-failover.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { Updates } from './arguments.ts';

/*
 * finish_failover: writes what a failover came to into the services row, or the cluster's, and tells all members. A
 * manager does it by itself as the end of a failover; by itself it is a way for somebody who mends one.
 *
 * Lock: the backend's failover lock. Custody: there is one step, the settlement; done twice it is the same.
 */

const Args = Type.Object({ service: Type.Object({ id: Type.Integer() }), updates: Updates });
type Args = Static<typeof Args>;

interface State {
  readonly service: Service;
  readonly updates: ServiceChanges;
}

export const finishFailover: Operation<typeof Args, State, null> = {
  name: 'finish_failover',
  args: Args,
  resource: ({ service }) => ({ type: 'Service', id: String(service.id) }),
  locks: (_args, { backend }) => Promise.resolve([lockNames.failover(backend.workOf)]),
  load,
  run: () => Promise.resolve(null),
  settle: ({ service, updates }, _result, { wire }: Scope, ports): Promise<Settlement> =>
    Promise.resolve({ outcome: 'done', detail: null, ...endOf(service, updates, wire.context, ports) }),
};

async function load({ service: { id }, updates }: Args, { db }: OperationPorts): Promise<State | NothingToDo> {
  const service = await db.services.get(id);
  return service === null ? { nothingToDo: 'the services row is gone' } : { service, updates };
}
