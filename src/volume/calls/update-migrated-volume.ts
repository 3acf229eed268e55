import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { CinderError } from '../../domain/exceptions.ts';
import { targetOf } from '../../domain/migration.ts';
import type { Volume } from '../../domain/rows.ts';
import type { CallScope } from '../call-custody.ts';
import { Id, NullableText } from '../operations/arguments.ts';
import type { CallContext, RpcCall } from '../rpc-service.ts';
import { swapPlaces } from '../migration-target.ts';
import { mergeAdminMetadata } from '../row-moves.ts';
import { volumeLocks } from '../volume-locks.ts';
import { requireReady, volumeHere } from './call-parts.ts';

/*
 * update_migrated_volume: the data of a volume have come here, into the file of `new_volume`. From now on the volume's
 * row leads here and the other one to the old data, which its sender has deleted under the other id. (Host and the rest
 * of the rows are the sender's to swap.)
 *
 * Locks: those of the new volume. The volume's own are its sender's, who waits for the answer.
 *
 *   1 arrive  the driver gives the file the volume's name, or leaves it.
 *   2 one transaction: both rows' places and names, swapped; the format.
 *
 * Run again: the message says what its sender saw in the rows. Where they show that swapped, 2 is done.
 */

/** Of a volume object what the sender saw, besides the id. */
const Seen = Type.Object({
  id: Id,
  provider_location: Type.Optional(NullableText),
});

const Args = Type.Object({ volume: Seen, new_volume: Seen, volume_status: NullableText });
type Args = Static<typeof Args>;

export const updateMigratedVolume: RpcCall<typeof Args> = {
  name: 'update_migrated_volume',
  args: Args,
  async run(args, context) {
    const { id } = args.new_volume;
    requireReady(context.ports);
    await context.locked(volumeLocks(id, context.ports.backend), (scope) => update(args, scope, context));
    return null;
  },
};

async function update(args: Args, scope: CallScope, { ports }: CallContext): Promise<void> {
  const { migration } = ports.backend.driver;
  const target = await volumeHere(args.new_volume.id, ports);
  const volume = await ports.db.volumes.get(args.volume.id);
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id: args.volume.id });
  if (isDone(args, volume, target)) return;
  if (target.migration_status !== targetOf(volume.id)) {
    throw new CinderError('InvalidVolume', { reason: `volume ${volume.id} does not migrate into ${target.id}` });
  }
  if (migration === undefined) throw new CinderError('NotSupportedOperation', { operation: 'migration' });
  // Upstream's rule: the name of a file that a host may have open stays.
  const rename = args.volume_status === 'available' && volume.provider_location !== target.provider_location;
  const { nameId, update: found } = await migration.arrive({ volume, target, rename }, scope.work);
  await scope.save(async (db) => {
    await swapPlaces(db, volume, target, nameId === volume.id ? null : nameId);
    await mergeAdminMetadata(db, target.id, found);
  });
}

function isDone(args: Args, volume: Volume, target: Volume): boolean {
  if (volume._name_id === target.id) return true;
  const [from, to] = [args.volume.provider_location, args.new_volume.provider_location];
  if (from === undefined || to === undefined || from === to) return false;
  return volume.provider_location === to && target.provider_location === from;
}
