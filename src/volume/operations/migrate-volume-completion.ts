import type { Static } from '@sinclair/typebox';
import { CinderError } from '../../domain/exceptions.ts';
import { migratedFrom } from '../../domain/migration.ts';
import type { Volume } from '../../domain/rows.ts';
import { settleMigrated, settleNotMigrated } from '../migration-end.ts';
import { handOver, isPastReturn } from '../migration-handover.ts';
import { failed } from '../migration-target.ts';
import { loadMigrating } from '../migration.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import type { RowLooks } from '../row-looks.ts';
import { volumeLocks } from '../volume-locks.ts';
import { Completion } from './arguments.ts';

/*
 * migrate_volume_completion: a server has copied the volume's data into the target, and has swapped to it, or could not
 * (`error`). A call of the API, which Nova asks for it.
 *
 * Locks: as migrate_volume.
 *
 * Custody: steps 5 and 6 of migration.ts, without a copy: what the target holds counts from the beginning. The file keeps
 * its name, because the server has it open; its attachments become the volume's. (Upstream detaches and attaches the
 * volume's own attachments by the way; here they stay as they are.)
 *
 * A definite failure, or `error`: the volume is what it was, `migration_status` is `error`, and the target is deleted.
 */

type Args = Static<typeof Completion>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  readonly target: Volume | null;
}

export const migrateVolumeCompletion: Operation<typeof Completion, State, null> = {
  name: 'migrate_volume_completion',
  args: Completion,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  load,
  async run({ args, volume, target }, scope, ports) {
    if (isPastReturn(volume, scope)) return null;
    if (args.error === true) throw failed('the server could not swap to the new volume');
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    if (target === null) throw new CinderError('VolumeNotFound', { volume_id: args.new_volume.id });
    if (migratedFrom(target) !== volume.id) {
      throw new CinderError('InvalidVolume', { reason: `volume ${volume.id} does not migrate into ${target.id}` });
    }
    await handOver(volume, target, null, scope, ports);
    return null;
  },
  settle,
};

async function load(args: Args, { backend }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await loadMigrating(args.volume.id, backend, rows);
  if ('nothingToDo' in volume) return volume;
  return { args, volume, target: await rows.volume(args.new_volume.id) };
}

async function settle(
  { args, volume }: State,
  result: Result<null>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const { id } = args.new_volume;
  if (result.ok) return settleMigrated(volume.id, id, scope, ports);
  const settlement = await settleNotMigrated(volume, id, result.error, scope, ports);
  // What was asked for is done.
  return args.error === true ? { ...settlement, outcome: 'done' } : settlement;
}
