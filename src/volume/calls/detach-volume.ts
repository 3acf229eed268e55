import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import type { Repositories } from '../../db/database.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Volume, VolumeAttachment } from '../../domain/rows.ts';
import { finishDetach, lockVolume } from '../attachments.ts';
import type { CallScope, Tell } from '../call-custody.ts';
import { volumeEvents } from '../notifications.ts';
import { Id, NullableText } from '../operations/arguments.ts';
import type { CallContext, RpcCall } from '../rpc-service.ts';
import { byDriver, requireReady, volumeHere } from './call-parts.ts';

/*
 * detach_volume: ends an attachment (os-detach, force-detach).
 *
 * Locks: those of the volume's attachments.
 *
 *   1 the driver takes back what it gave to hosts; taking it back twice is success.
 *   2 one transaction: the attachment goes, the others decide what the volume is then, events.
 *
 * Run again: after 2 the attachment is gone and there is nothing left to detach, which is success. The volume's status
 * is put right then only where attachments decide it: by now it may be deleted, or copied, and upstream's rule would
 * make it `available`.
 */

const Args = Type.Object({ volume_id: Id, attachment_id: Type.Optional(NullableText) });
type Args = Static<typeof Args>;

/** Statuses that the attachments of a volume decide. */
const ofAttachments: ReadonlySet<string | null> = new Set([
  'available',
  'in-use',
  'attaching',
  'detaching',
  'reserved',
]);

export const detachVolume: RpcCall<typeof Args> = {
  name: 'detach_volume',
  args: Args,
  async run(args, context) {
    await volumeHere(args.volume_id, context.ports);
    await context.locked(attachmentLocks(args.volume_id), (scope) => detach(args, scope, context));
    return null;
  },
};

async function detach(args: Args, scope: CallScope, context: CallContext): Promise<void> {
  const { ports } = context;
  const volume = await volumeHere(args.volume_id, ports);
  const found = await attachmentToEnd(args, ports.db);
  if (found !== null) await takeBack(volume, found, scope, context);
  await scope.save(async (db, tell) => {
    const row = await lockVolume(db, volume.id);
    const attachment = await attachmentToEnd(args, db);
    if (attachment !== null) return end(row, attachment, db, tell, context);
    if (ofAttachments.has(row.status)) await finishDetach(db, row, null);
  });
}

/** Null: it is detached already. Without an id it is the only one. */
async function attachmentToEnd(
  { volume_id, attachment_id }: Args,
  db: Pick<Repositories, 'attachments'>,
): Promise<VolumeAttachment | null> {
  if (typeof attachment_id === 'string' && attachment_id !== '') {
    const attachment = await db.attachments.get(attachment_id);
    return attachment?.volume_id === volume_id ? attachment : null;
  }
  const [only = null, ...more] = await db.attachments.ofVolume(volume_id);
  if (more.length === 0) return only;
  const reason = 'Detach volume failed: More than one attachment, but no attachment_id provided.';
  throw new CinderError('InvalidVolume', { reason });
}

/** Step 1. */
async function takeBack(volume: Volume, { id }: VolumeAttachment, scope: CallScope, context: CallContext) {
  const { ports } = context;
  try {
    requireReady(ports);
  } catch (error) {
    await scope.save(async (db, tell) => {
      await tell(await events('detach.start', volume, db, context));
      await db.attachments.update(id, { attach_status: 'error_detaching' });
    });
    throw error;
  }
  const failed = (reason: string): CinderError =>
    new CinderError('RemoveExportException', { volume: volume.id, reason });
  await byDriver(failed, () => ports.backend.driver.connection.disconnect(volume, null, scope.work));
}

/** Step 2. */
async function end(
  volume: Volume,
  attachment: VolumeAttachment,
  db: Repositories,
  tell: Tell,
  context: CallContext,
): Promise<void> {
  await tell(await events('detach.start', volume, db, context));
  const detached = await finishDetach(db, volume, attachment);
  await tell(await events('detach.end', detached, db, context));
}

function events(suffix: string, volume: Volume, db: Repositories, { ports, request }: CallContext) {
  return volumeEvents({ ...ports, db }, request.context, ports.backend.host, [{ suffix, volume }]);
}
