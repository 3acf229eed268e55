import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { VolumeTarget } from '../../domain/status.ts';
import type { CloneSource, VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { ImageMeta } from '../../images/image-service.ts';
import { glanceValues, imageAbility, withImage, writeImage } from '../image-volume.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { changed, mergeAdminMetadata, moveVolume } from '../row-moves.ts';
import { failureMessage } from '../user-messages.ts';
import { volumeLocks } from '../volume-locks.ts';
import { snapshotLocks } from '../volume-making.ts';
import { ById, Id } from './arguments.ts';
import { fromSnapshot } from './volume-source.ts';

/*
 * reimage: an image takes the place of all that the volume holds. The image may be one that Glance has no data of,
 * because a snapshot of this backend holds them (`image_snap`).
 *
 * Locks, all at once: the volume's `delete_volume` (nobody clones it meanwhile) and driver locks; of the snapshot its
 * `delete_snapshot` and the driver locks of its volume, whose chain is read.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `downloading`, the old content: it begins anew.
 *   1 fetch   the image is downloaded to a file of this owner's on this machine, and inspected. (Not of a snapshot.)
 *   2 write   it is converted to an unfinished file on the share, which then takes the volume's name.
 *   before 3  `downloading`, the new content: 1 and 2 are done once more, with the same end; nobody uses the volume.
 *   3 settle  the status from before, bootable, the image's metadata in place of the old ones.
 *
 * A definite failure: `error`; before 2 the volume still has its old content.
 */

const Args = Type.Object({
  volume: ById,
  image_meta: Type.Object({ id: Id }),
  /** From RPC 3.20 on: the snapshot that holds the image's data. */
  image_snap: Type.Optional(Type.Union([Type.Null(), ById])),
});
type Args = Static<typeof Args>;

interface State {
  readonly args: Args;
  readonly volume: Volume;
  /** Null: the image's data are Glance's. */
  readonly snapshot: CloneSource | { readonly refusal: CinderError } | null;
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
  locks: async ({ volume: { id }, image_snap: snapshot = null }, { backend }, rows) => [
    ...volumeLocks(id, backend),
    ...(snapshot === null ? [] : await snapshotLocks(snapshot.id, backend, rows)),
  ],
  load,
  async run(state, scope, ports) {
    const { args, volume, snapshot } = state;
    if (!liesOn(ports.backend, volume)) throw refuse(`Volume ${volume.id} does not lie on ${ports.backend.workOf}.`);
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    imageAbility(ports);
    const image = await ports.images.show(scope.context, args.image_meta.id, scope.signal);
    if (snapshot !== null) return { image, update: await copySnapshot(volume, snapshot, scope, ports) };
    const update = await withImage(image, volume, scope, ports, (local) => writeImage(volume, local, scope, ports));
    return { image, update };
  },
  settle,
};

async function load(args: Args, { backend }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'downloading') return { nothingToDo: `the volume is ${String(volume.status)}` };
  const { image_snap: snapshot = null } = args;
  return { args, volume, snapshot: snapshot === null ? null : await fromSnapshot(snapshot.id, backend, rows) };
}

/** Step 2, of a snapshot: a volume that is `downloading` may have another file put in the place of its own. */
function copySnapshot(
  volume: Volume,
  source: NonNullable<State['snapshot']>,
  { work }: Scope,
  { backend }: OperationPorts,
): Promise<VolumeModelUpdate> {
  if ('refusal' in source) throw source.refusal;
  const { clone } = backend.driver;
  if (clone === undefined) throw new CinderError('NotSupportedOperation', { operation: 'reimage from a snapshot' });
  return clone.create(volume, source, work);
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
