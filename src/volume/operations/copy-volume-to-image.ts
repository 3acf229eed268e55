import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import type { UploadImage, UploadOptions } from '../../images/image-service.ts';
import { imageAbility } from '../image-volume.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from '../operation.ts';
import { assertLiesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { NotSettledError, moveVolume } from '../row-moves.ts';
import { failureMessage } from '../user-messages.ts';
import { Id } from './arguments.ts';

/*
 * copy_volume_to_image: the volume's content becomes the content of an image that the API has made (`queued`).
 *
 * Locks: the volume's driver locks; its chain is read. (The status `uploading` keeps others from it as well.)
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  `uploading`, the image `queued`: it begins anew.
 *   1 read    the volume, flattened and converted, becomes a file of this owner's on this machine. Nothing is on the
 *             share; what a dead process leaves goes when the next one starts on its machine.
 *   2 upload  the file goes to the image service, which makes the image `active` at its end, once. A broken upload
 *             leaves `queued` or for a while `saving`: it is waited for, then done again. An `active` image is success:
 *             only this request ever fills it, and the volume has not changed since.
 *   before 3  the image `active`: 2 is found done without reading the volume, 3 follows.
 *   3 settle  `available`, or `in-use` where attachments exist.
 *
 * A definite failure: the image is removed while it has no content, the user is told, and the volume goes back to what
 * it was, unharmed. Where the image service cannot say what became of an upload, nothing is settled: it is asked again.
 */

const Args = Type.Object({
  volume_id: Id,
  image_meta: Type.Object({
    id: Id,
    disk_format: Type.String({ minLength: 1 }),
    container_format: Type.String({ minLength: 1 }),
  }),
});
type Args = Static<typeof Args>;

interface State {
  readonly volume: Volume;
  readonly image: UploadImage;
}

export const copyVolumeToImage: Operation<typeof Args, State, null> = {
  name: 'copy_volume_to_image',
  args: Args,
  resource: ({ volume_id: id }) => ({ type: 'Volume', id }),
  locks: ({ volume_id: id }, { backend }) => Promise.resolve(backend.driver.locksForVolume(id)),
  load,
  async run({ volume, image }, scope, ports) {
    assertLiesOn(ports.backend, volume);
    if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
    const { status } = await ports.images.show(scope.context, image.id, scope.signal);
    if (status !== 'active') await upload(volume, image, scope, ports);
    return null;
  },
  settle,
};

async function load(
  { volume_id: id, image_meta: meta }: Args,
  _ports: OperationPorts,
  rows: RowLooks,
): Promise<State | NothingToDo> {
  const volume = await rows.volume(id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  if (volume.status !== 'uploading') return { nothingToDo: `the volume is ${String(volume.status)}` };
  return { volume, image: { id: meta.id, diskFormat: meta.disk_format, containerFormat: meta.container_format } };
}

/** Steps 1 and 2. */
async function upload(volume: Volume, image: UploadImage, scope: Scope, ports: OperationPorts): Promise<void> {
  const { images } = ports;
  const format = images.uploadFormat(image);
  const options = await uploadOptions(volume, ports);
  const file = await images.scratch(volume.id, image.id, scope.work);
  try {
    await imageAbility(ports).read(volume, { path: file.path, ...format }, scope.work);
    await images.upload(scope.context, image, file.path, options, scope.signal);
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

/** The volume's type may name a store of the image service; the image that it was made from may lie in it already. */
async function uploadOptions(volume: Volume, { db }: OperationPorts): Promise<UploadOptions> {
  const type = volume.volume_type_id === null ? null : await db.volumeTypes.get(volume.volume_type_id);
  const madeFrom = await db.glanceMetadata.of({ volumeId: volume.id });
  return { storeId: type?.extra_specs['image_service:store_id'] ?? null, baseImageId: madeFrom['image_id'] ?? null };
}

async function settle(
  { volume, image }: State,
  result: Result<null>,
  scope: Scope,
  { db, images, settings }: OperationPorts,
): Promise<Settlement> {
  const row = await db.volumes.get(volume.id);
  if (row !== null && row.status !== 'uploading') {
    throw new NotSettledError(`volume ${row.id} was changed to ${String(row.status)} by somebody else`);
  }
  const error = result.ok ? null : toCinderError(result.error);
  if (error !== null) {
    scope.log.error({ err: error, image_id: image.id }, 'the volume could not be uploaded');
    await images.discardUnfinished(scope.context, image.id, scope.signal);
  }
  const attachments = await db.attachments.ofVolume(volume.id);
  return {
    outcome: error === null ? 'done' : 'refused',
    detail: error?.message ?? null,
    apply: async (statements) => {
      if (row !== null) await moveVolume(statements, row, attachments.length > 0 ? 'in-use' : 'available');
      if (error === null) return;
      const message = failureMessage('volumeToImage', volume, scope.context, error);
      await statements.messages.create(message, settings.messageTtlSeconds);
    },
    outbox: [],
  };
}
