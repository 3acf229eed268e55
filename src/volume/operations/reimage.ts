import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { VolumeTarget } from '../../domain/status.ts';
import type { VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { ImageMeta } from '../../images/image-service.ts';
import { glanceValues, imageAbility, withImage, writeImage } from '../image-volume.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { changed, mergeAdminMetadata, moveVolume } from '../row-moves.ts';
import { failureMessage } from '../user-messages.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Id } from './arguments.ts';

/*
 * reimage: an image takes the place of all that the volume holds.
 *
 * Locks: the volume's `delete_volume` (nobody clones it meanwhile) and driver locks.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `downloading`, the old content: it begins anew.
 *   1 fetch   the image is downloaded to a file of this owner's on this machine, and inspected.
 *   2 write   it is converted to an unfinished file on the share, which then takes the volume's name.
 *   before 3  `downloading`, the new content: 1 and 2 are done once more, with the same end; nobody uses the volume.
 *   3 settle  the status from before, bootable, the image's metadata in place of the old ones.
 *
 * A definite failure: `error`; before 2 the volume still has its old content.
 */

const Args = Type.Object({
  volume: ById,
  image_meta: Type.Object({ id: Id }),
  /** From RPC 3.20 on: the image is a snapshot of a volume. */
  image_snap: Type.Optional(Type.Unknown()),
});
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
}

interface Reimaged {
  readonly image: ImageMeta;
  readonly update: VolumeModelUpdate;
}

/** What a volume may have been before the API set `downloading`. */
const before = ['available', 'reserved', 'error'] as const satisfies readonly VolumeTarget[];

export const reimage: Operation<typeof Args, State, Reimaged> = {
  name: 'reimage',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: ({ volume: { id } }, { backend }) => Promise.resolve(volumeLocks(id, backend)),
  load,
  async run({ args, volume }, scope, ports) {
    if (!liesOn(ports.backend, volume)) throw refuse(`Volume ${volume.id} does not lie on ${ports.backend.workOf}.`);
    if (args.image_snap !== undefined && args.image_snap !== null)
      throw refuse('Images that are snapshots are not supported.');
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    imageAbility(ports);
    const image = await ports.images.show(scope.context, args.image_meta.id, scope.signal);
    const update = await withImage(image, volume, scope, ports, (local) => writeImage(volume, local, scope, ports));
    return { image, update };
  },
  settle,
};

async function load(args: Args, _ports: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'downloading') return { nothingToDo: `the volume is ${String(volume.status)}` };
  return { args, volume };
}

async function settle(
  { volume }: State,
  result: Result<Reimaged>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const row = await ports.db.volumes.get(volume.id);
  if (row?.status !== 'downloading') throw changed(volume);
  return result.ok ? settleDone(row, result.value) : settleFailed(row, toCinderError(result.error), scope, ports);
}

function settleDone(row: Volume, { image, update }: Reimaged): Settlement {
  const status = before.find((known) => known === row.previous_status) ?? 'available';
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await moveVolume(db, row, status, { bootable: true });
      await mergeAdminMetadata(db, row.id, update);
      await db.glanceMetadata.replace({ volumeId: row.id }, glanceValues(image));
    },
    outbox: [],
  };
}

function settleFailed(row: Volume, error: CinderError, scope: Scope, { settings }: OperationPorts): Settlement {
  scope.log.error({ err: error }, 'the volume did not get its new image');
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      await moveVolume(db, row, 'error', { previous_status: row.status });
      await db.messages.create(failureMessage('reimage', row, scope.context, error), settings.messageTtlSeconds);
    },
    outbox: [],
  };
}

function refuse(message: string): CinderError {
  return new CinderError('Invalid', {}, { message });
}
