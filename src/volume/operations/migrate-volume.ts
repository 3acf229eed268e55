import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import type { Volume } from '../../domain/rows.ts';
import { settleMigrated, settleNotMigrated } from '../migration-end.ts';
import { isOwnMigration, loadMigrating, migrate, settleAsked, type Migrated } from '../migration.ts';
import { targetId } from '../migration-target.ts';
import type { NothingToDo, Operation, OperationPorts, Settlement } from '../operation.ts';
import type { RowLooks } from '../row-looks.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Destination, Flag } from './arguments.ts';

/*
 * migrate_volume: the volume's data go to another backend, and its row with them. No driver of ours can move a volume by
 * itself, so `force_host_copy` changes nothing. The steps and what becomes of them: migration.ts.
 *
 * Locks: the volume's `delete_volume` (nobody clones it meanwhile) and driver locks (no host is connected to it, and
 * nobody changes its files, until it has arrived or stays). The target's locks are the other backend's.
 *
 * A definite failure: the volume is what it was, `migration_status` is `error`, nothing is left of the target. (Upstream
 * leaves `maintenance` where its driver is not ready, and two volumes where the other backend fails at the end.)
 */

const Args = Type.Object({ volume: ById, host: Destination, force_host_copy: Flag });
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
}

export const migrateVolume: Operation<typeof Args, State, Migrated> = {
  name: 'migrate_volume',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  load,
  run({ args, volume }, scope, ports) {
    const { host, cluster_name = null } = args.host;
    return migrate(volume, { host, cluster_name, typeId: null }, scope, ports);
  },
  async settle({ volume }, result, scope, ports): Promise<Settlement> {
    if (result.ok && result.value.isAsked) return settleAsked(result.value);
    if (result.ok) return settleMigrated(volume.id, result.value.target, scope, ports);
    if (!isOwnMigration(volume, scope)) return refused(result.error.message);
    return settleNotMigrated(volume, targetId(volume.id, scope), result.error, scope, ports);
  },
};

async function load(args: Args, { backend }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await loadMigrating(args.volume.id, backend, rows);
  if ('nothingToDo' in volume) return volume;
  return { args, volume };
}

/** The row is as another request has it. */
function refused(detail: string): Settlement {
  return { outcome: 'refused', detail, apply: () => Promise.resolve(), outbox: [] };
}
