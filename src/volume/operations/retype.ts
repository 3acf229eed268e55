import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import type { Repositories } from '../../db/database.ts';
import type { OutboxMessage } from '../../db/ports/custody.ts';
import { CinderError } from '../../domain/exceptions.ts';
import { sameBackend } from '../../domain/host.ts';
import type { Volume } from '../../domain/rows.ts';
import { isPastReturn } from '../migration-handover.ts';
import { settleMigrated, settleNotMigrated, statusBefore } from '../migration-end.ts';
import { failed, targetId } from '../migration-target.ts';
import { migrate, settleAsked, type Migrated } from '../migration.ts';
import { volumeEvents } from '../notifications.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { moveVolume } from '../row-moves.ts';
import { diffTypes, type TypeDiff } from '../volume-type-diff.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Destination, Id, NullableText } from './arguments.ts';

/*
 * retype: the volume gets another type. Where both types come to the same and the volume stays on its backend, only rows
 * change. Else it must be migrated, as by upstream's NFS drivers, which change nothing in place: to the backend that the
 * scheduler has chosen, which may be its own.
 *
 * Locks: as migrate_volume.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `retyping`, the old type: it begins anew.
 *   1 migrate (where it must) the steps of migration.ts; the target has the new type.
 *   2 settle  one transaction: the type, and those of the snapshots; the status from before; both reservations of the
 *             quota charged; the event. Where servers were asked to swap, the quota and the event only: the rest is
 *             migrate_volume_completion's, which may come before.
 *
 * A definite failure: the volume is what it was, both reservations are given back. (Upstream keeps them where its driver
 * is not ready, until they expire; and where the types come to the same but the scheduler has chosen another backend it
 * writes that one into the row and leaves the data.)
 */

const Reservations = Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()]));

const Args = Type.Object({
  volume: ById,
  new_type_id: Id,
  host: Destination,
  migration_policy: Type.Optional(NullableText),
  reservations: Reservations,
  old_reservations: Reservations,
});
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  /** Null: a type is gone. */
  readonly diff: TypeDiff | null;
  /** Servers have swapped to the target before this entry ended: the volume is retyped. */
  readonly isLate: boolean;
}

/** Null: nothing has moved. */
type Retyped = Migrated | null;

export const retype: Operation<typeof Args, State, Retyped> = {
  name: 'retype',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  load,
  run,
  settle,
};

async function load(args: Args, { db, backend }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  const isRetyped = volume.migration_status === 'success' && volume.volume_type_id === args.new_type_id;
  const isLate = isRetyped && volume.attach_status === 'attached';
  if (volume.status !== 'retyping' && !isLate) return { nothingToDo: `the volume is ${String(volume.status)}` };
  if (!liesOn(backend, volume) && !isLate) return { nothingToDo: `the volume belongs to ${String(volume.host)}` };
  return { args, volume, isLate, diff: await diffTypes(volume.volume_type_id, args.new_type_id, db) };
}

/** Step 1. */
async function run({ args, volume, diff, isLate }: State, scope: Scope, ports: OperationPorts): Promise<Retyped> {
  const { host, cluster_name = null } = args.host;
  const route = { host, cluster_name, typeId: args.new_type_id };
  if (isLate) return null;
  if (isPastReturn(volume, scope)) return migrate(volume, route, scope, ports);
  if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
  if (diff === null) throw new CinderError('VolumeTypeNotFound', { volume_type_id: args.new_type_id });
  if (diff.isEqual && isHere(args, ports)) return null;
  assertMigratable(args, volume, diff);
  return migrate(volume, route, scope, ports);
}

function assertMigratable({ migration_policy: policy }: Args, volume: Volume, diff: TypeDiff): void {
  if (policy !== 'on-demand') throw failed('Retype requires migration but is not allowed.');
  if (![null, 'disabled', 'not-capable'].includes(volume.replication_status)) {
    throw new CinderError('InvalidVolume', { reason: 'Volume must not be replicated.' });
  }
  // A migration copies the file as it is, without its key.
  if (!diff.isSameEncryption)
    throw failed('a volume on NFS is not encrypted, decrypted or encrypted otherwise by a retype.');
}

/** Whether the scheduler has chosen this backend: by its cluster, where it is in one. */
function isHere({ host: { host, cluster_name: cluster } }: Args, { backend }: OperationPorts): boolean {
  if (cluster === null || cluster === undefined || cluster === '') return sameBackend(host, backend.host);
  return backend.cluster !== null && sameBackend(cluster, backend.cluster);
}

/** Step 2. */
async function settle(
  { args, volume, diff, isLate }: State,
  result: Result<Retyped>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const reservations = [...(args.old_reservations ?? []), ...(args.reservations ?? [])];
  if (!result.ok) {
    const target = targetId(volume.id, scope);
    return settleNotMigrated(volume, target, result.error, scope, ports, (db) => db.quotas.rollback(reservations));
  }
  const charge = (db: Repositories): Promise<void> => db.quotas.commit(reservations);
  const event = await told(args, volume, scope, ports);
  if (isLate) return { outcome: 'done', detail: 'servers had swapped before', apply: charge, outbox: event };
  if (result.value !== null) {
    const settlement = result.value.isAsked
      ? settleAsked(result.value, charge)
      : await settleMigrated(volume.id, result.value.target, scope, ports, charge);
    return { ...settlement, outbox: [...settlement.outbox, ...event] };
  }
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await changeType(db, args, volume, diff);
      await charge(db);
    },
    outbox: event,
    after: () => {
      ports.backend.capabilitiesChanged();
    },
  };
}

async function changeType(db: Repositories, args: Args, volume: Volume, diff: TypeDiff | null): Promise<void> {
  const { host, cluster_name = null } = args.host;
  const replication = diff?.replicationStatus ?? null;
  await moveVolume(db, volume, statusBefore(volume), {
    ...{ volume_type_id: args.new_type_id, host, cluster_name },
    ...(replication !== null && { replication_status: replication }),
  });
  for (const { id } of await db.snapshots.ofVolume(volume.id)) {
    await db.snapshots.update(id, { volume_type_id: args.new_type_id });
  }
}

function told(args: Args, volume: Volume, scope: Scope, ports: OperationPorts): Promise<readonly OutboxMessage[]> {
  const { host } = args.host;
  const retyped = { ...volume, host, volume_type_id: args.new_type_id, status: statusBefore(volume) };
  return volumeEvents(ports, scope.context, ports.backend.host, [{ suffix: 'retype', volume: retyped }]);
}
