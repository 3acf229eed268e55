import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { Service, Volume } from '../../domain/rows.ts';
import { pages } from '../../kernel/pages.ts';
import { finishFailover } from '../finish-failover.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { NotSettledError } from '../row-moves.ts';

/*
 * failover, also by its older name failover_host: the backend's work moves to a replication target. No driver of ours
 * has one. What is left is upstream's part around the driver, and its answer to a driver that cannot do it.
 *
 * Lock: the backend's failover lock.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   1 volumes unless the target is `default` (the way back): each volume that is not replicated becomes `error`, with
 *             its old status kept in previous_status, and its snapshots `error`: they are not on the target. One
 *             guarded transaction each. Ended in between: those that are done say so (`error`, `not-capable`).
 *   2 settle  one transaction: the services row (or the cluster's, and a message to all members) disabled, replication
 *             status `failover-error`.
 *
 * It is the one request that sets a volume's status whatever it was: an operator has given the backend up.
 */

const Target = Type.Optional(Type.Union([Type.Null(), Type.String()]));
const Args = Type.Object({ secondary_backend_id: Target });
type Args = Static<typeof Args>;

interface State {
  readonly service: Service;
  readonly isWayBack: boolean;
}

/** The target that stands for the primary backend. */
const WAY_BACK = 'default';

/** Volumes of these replication statuses are on one backend only. */
const NOT_REPLICATED = ['disabled', 'not-capable'];

const PAGE = 200;

function operation(name: string): Operation<typeof Args, State, null> {
  return {
    name,
    args: Args,
    resource: () => ({ type: 'Service', id: 'failover' }),
    locks: (_args, { backend }) => Promise.resolve([lockNames.failover(backend.workOf)]),
    load,
    async run({ isWayBack }, scope, ports) {
      if (!isWayBack) await giveUpVolumes(scope, ports);
      return null;
    },
    settle,
  };
}

export const failover = operation('failover');
export const failoverHost = operation('failover_host');

async function load(
  { secondary_backend_id: target }: Args,
  { db, backend }: OperationPorts,
): Promise<State | NothingToDo> {
  const service = await db.services.get(backend.service.id);
  if (service === null) return { nothingToDo: 'the services row is gone' };
  return { service, isWayBack: target === WAY_BACK };
}

/** Step 1. */
async function giveUpVolumes(scope: Scope, { db, backend }: OperationPorts): Promise<void> {
  const all = pages(PAGE, (page) => db.volumes.list({ backend: backend.workOf, ...page }));
  for await (const volumes of all) for (const volume of volumes) await giveUp(volume, scope);
}

async function giveUp({ id, status, replication_status }: Volume, scope: Scope): Promise<void> {
  if (!NOT_REPLICATED.includes(replication_status ?? '')) return;
  const isGivenUp = status === 'error' && replication_status === 'not-capable';
  await scope.save(async (db) => {
    if (!isGivenUp) {
      const changes = { previous_status: status, status: 'error', replication_status: 'not-capable' };
      const changed = await db.volumes.update(id, changes, { status });
      if (changed === 0) throw new NotSettledError(`volume ${id} is not ${String(status)} any more`);
    }
    const snapshots = (await db.snapshots.ofVolume(id)).filter((snapshot) => snapshot.status !== 'error');
    for (const snapshot of snapshots) await db.snapshots.update(snapshot.id, { status: 'error' });
  });
}

/** Step 2. */
function settle({ service }: State, _result: unknown, { wire }: Scope, ports: OperationPorts): Promise<Settlement> {
  const updates = { disabled: true, replication_status: 'failover-error' };
  return Promise.resolve({
    outcome: 'refused',
    detail: 'the driver does not replicate',
    ...finishFailover(service, updates, wire.context, ports),
  });
}
