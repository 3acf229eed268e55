import { isDeepStrictEqual } from 'node:util';
import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import type { Repositories } from '../../db/database.ts';
import { now } from '../../db/ports/resources.ts';
import { objectIn, type JsonObject } from '../../domain/json.ts';
import type { Volume, VolumeAttachment } from '../../domain/rows.ts';
import { toCinderError } from '../../domain/exceptions.ts';
import { attachmentOf, lockVolume } from '../attachments.ts';
import type { CallScope } from '../call-custody.ts';
import { volumeEvents } from '../notifications.ts';
import { ById, Id } from '../operations/arguments.ts';
import type { CallContext, RpcCall } from '../rpc-service.ts';
import { failureMessage } from '../user-messages.ts';
import { Connector, requireReady, volumeHere } from './call-parts.ts';
import { connect } from './connection.ts';

/*
 * attachment_update: an attachment that the API has reserved gets its host, which is told how to reach the volume. The
 * API keeps the answer in the attachment, and completes it when the host says that it has the volume.
 *
 * Locks: those of the volume's attachments and the driver's.
 *
 *   1 connect  what the host needs, as it is under the locks.
 *   2 one transaction: the attachment's host and connector, `attaching` for both, the event.
 *
 * Run again: where the attachment has this connector already, 2 is done, and perhaps the API has completed it since:
 * then only 1 is answered anew. Upstream would make an attached volume `attaching` again.
 */

const Args = Type.Object({ vref: ById, connector: Connector, attachment_id: Id });
type Args = Static<typeof Args>;

export const attachmentUpdate: RpcCall<typeof Args> = {
  name: 'attachment_update',
  args: Args,
  async run(args, context) {
    const { ports } = context;
    const { id } = args.vref;
    const names = [...attachmentLocks(id), ...ports.backend.driver.locksForVolume(id)];
    return context.locked(names, (scope) => update(args, scope, context));
  },
};

async function update(args: Args, scope: CallScope, context: CallContext): Promise<JsonObject> {
  const { ports } = context;
  const volume = await volumeHere(args.vref.id, ports);
  const attachment = await attachmentOf(ports.db, args.attachment_id, volume.id);
  await assertReady(volume, attachment, scope, context);
  const connector = withMode(args.connector, attachment);
  const { data, ...info } = await connect(volume, connector, scope, ports);
  const answer = { ...data, ...info, attachment_id: attachment.id };
  await scope.save(async (db, tell) => {
    const row = await lockVolume(db, volume.id);
    const before = await attachmentOf(db, attachment.id, volume.id);
    if (isDone(before, connector)) return;
    const suffix = 'attach.start';
    await tell(
      await volumeEvents({ ...ports, db }, context.request.context, ports.backend.host, [{ suffix, volume: row }]),
    );
    await write(row, before, connector, db);
  });
  return answer;
}

/** The mode that the attachment was reserved with counts, where it was with one; upstream writes `null` as a word. */
function withMode(connector: JsonObject, { attach_mode: reserved }: VolumeAttachment): JsonObject {
  const isReserved = reserved !== null && reserved !== 'null';
  return isReserved ? { ...connector, mode: reserved } : connector;
}

function isDone({ attach_status, connector: noted }: VolumeAttachment, connector: JsonObject): boolean {
  return ['attaching', 'attached'].includes(attach_status ?? '') && isDeepStrictEqual(objectIn(noted), connector);
}

/** Step 2. */
async function write(volume: Volume, { id }: VolumeAttachment, connector: JsonObject, db: Repositories): Promise<void> {
  const text = (key: string, otherwise: string): string => {
    const value = connector[key];
    return typeof value === 'string' ? value : otherwise;
  };
  await db.attachments.update(id, {
    connector: JSON.stringify(connector),
    attached_host: text('host', ''),
    mountpoint: text('mountpoint', 'na'),
    attach_mode: text('mode', 'rw'),
    attach_status: 'attaching',
    attach_time: now,
  });
  await db.volumes.update(volume.id, { status: 'attaching', attach_status: 'attaching' });
}

async function assertReady(
  volume: Volume,
  { id }: VolumeAttachment,
  scope: CallScope,
  { ports, request }: CallContext,
): Promise<void> {
  try {
    requireReady(ports);
  } catch (thrown) {
    const message = failureMessage('updateAttachment', volume, request.context, toCinderError(thrown));
    await scope.save(async (db) => {
      await db.attachments.update(id, { attach_status: 'error_attaching' });
      await db.messages.create(message, ports.settings.messageTtlSeconds);
    });
    throw thrown;
  }
}
