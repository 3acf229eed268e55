import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Repositories } from '../../db/database.ts';
import type { Volume } from '../../domain/rows.ts';
import type { VolumeTarget } from '../../domain/status.ts';
import type { CloneSource, VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { ImageMeta } from '../../images/image-service.ts';
import { glanceValues, imageAbility, withImage, writeImage } from '../image-volume.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { liesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { changed, mergeAdminMetadata, moveVolume } from '../row-moves.ts';
import { isUnknownOutcome } from '../unknown-outcome.ts';
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
 * A volume that was `reserved` is that of a server which is being rebuilt and waits. Before 3 that is noted; 3 is a
 * guarded write of its own, and then:
 *
 *   before 4  `reserved`, with the note: nothing is done anew but what follows. Without the note it is not ours.
 *   4 tell    Nova hears that the volume is ready. What it refuses is logged and told to the user, as upstream does.
 *   before 5  as before 4: it is told once more, which changes nothing.
 *   5 settle  the journal only.
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

/** In the journal: a server waits for the volume, which may be `reserved` again already. */
const note = 'server_waits';

/** What a volume may have been before the API set `downloading`. */
const before = ['available', 'reserved', 'error'] as const satisfies readonly VolumeTarget[];

export const reimage: Operation<typeof Args, State, Reimaged | null> = {
  name: 'reimage',
  args: Args,
  resource: ({ volume }) => ({ type: 'Volume', id: volume.id }),
  locks: async ({ volume: { id }, image_snap: snapshot = null }, { backend }, rows) => [
    ...volumeLocks(id, backend),
    ...(snapshot === null ? [] : await snapshotLocks(snapshot.id, backend, rows)),
  ],
  load,
  async run(state, scope, ports) {
    const { volume } = state;
    const waits = volume.status === 'reserved';
    if (waits && scope.claim.notes[note] !== true) return null;
    if (!waits) {
      const done = await replaceContent(state, scope, ports);
      if (volume.previous_status !== 'reserved') return done;
      await scope.note({ [note]: true });
      await scope.save((db) => keep(db, volume, done));
    }
    await tellServers(volume, scope, ports);
    return null;
  },
  settle,
};

/** Steps 1 and 2. */
async function replaceContent(
  { args, volume, snapshot }: State,
  scope: Scope,
  ports: OperationPorts,
): Promise<Reimaged> {
  if (!liesOn(ports.backend, volume)) throw refuse(`Volume ${volume.id} does not lie on ${ports.backend.workOf}.`);
  if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
  imageAbility(ports);
  const image = await ports.images.show(scope.context, args.image_meta.id, scope.signal);
  if (snapshot !== null) return { image, update: await copySnapshot(volume, snapshot, scope, ports) };
  const update = await withImage(image, volume, scope, ports, (local) => writeImage(volume, local, scope, ports));
  return { image, update };
}

/** Step 4, of each server that has an attachment of the volume. No answer is no outcome: the successor tells it. */
async function tellServers(volume: Volume, scope: Scope, ports: OperationPorts): Promise<void> {
  for (const { instance_uuid: serverId } of await ports.db.attachments.ofVolume(volume.id)) {
    if (serverId === null) continue;
    try {
      await scope.park(() => ports.compute.volumeReimaged({ serverId, volumeId: volume.id }, scope.signal));
    } catch (thrown) {
      if (scope.signal.aborted || isUnknownOutcome(thrown)) throw thrown;
      scope.log.warn({ err: thrown, server: serverId }, 'Nova did not take the news of a new image');
      const message = failureMessage('reimage', volume, scope.context, toCinderError(thrown));
      await scope.save((db) => db.messages.create(message, ports.settings.messageTtlSeconds));
    }
  }
}

async function load(args: Args, { backend }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const volume = await rows.volume(args.volume.id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'downloading' && volume.status !== 'reserved')
    return { nothingToDo: `the volume is ${String(volume.status)}` };
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
  result: Result<Reimaged | null>,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const row = await ports.db.volumes.get(volume.id);
  if (!result.ok) return settleFailed(stillDownloading(row, volume), toCinderError(result.error), scope, ports);
  const { value } = result;
  if (value === null) return nothingLeft;
  const written = stillDownloading(row, volume);
  return { outcome: 'done', detail: null, apply: (db) => keep(db, written, value), outbox: [] };
}

function stillDownloading(row: Volume | null, volume: Volume): Volume {
  if (row?.status !== 'downloading') throw changed(volume);
  return row;
}

const nothingLeft: Settlement = { outcome: 'done', detail: null, apply: () => Promise.resolve(), outbox: [] };

/** Step 3. */
async function keep(db: Repositories, row: Volume, { image, update }: Reimaged): Promise<void> {
  const status = before.find((known) => known === row.previous_status) ?? 'available';
  await moveVolume(db, row, status, { bootable: true });
  await mergeAdminMetadata(db, row.id, update);
  await db.glanceMetadata.replace({ volumeId: row.id }, glanceValues(image));
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
