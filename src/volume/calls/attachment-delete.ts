import { Type } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import { objectIn, type JsonObject } from '../../domain/json.ts';
import { messageOf } from '../../kernel/errors.ts';
import { attachmentOf } from '../attachments.ts';
import { volumeEvents } from '../notifications.ts';
import { ById, Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { isUnknownOutcome } from '../unknown-outcome.ts';
import { backendError, byDriver, requireReady, volumeHere } from './call-parts.ts';

/*
 * attachment_delete: the host of an attachment does not need the volume any more. The row is the API's: it ends the
 * attachment when this has answered.
 *
 * Locks: those of the volume's attachments.
 *
 *   1 the event.
 *   2 the driver takes back what it gave to the host (an attachment that never had a host got nothing), and then what it
 *     gave to all, unless another attachment of the host still needs it. A failure of the latter keeps nobody.
 *
 * Run again: an event more, and what is taken back already is success.
 */

const Args = Type.Object({ attachment_id: Id, vref: ById });

export const attachmentDelete: RpcCall<typeof Args> = {
  name: 'attachment_delete',
  args: Args,
  async run({ attachment_id, vref: { id } }, { ports, request, log, locked }) {
    requireReady(ports);
    const { connection } = ports.backend.driver;
    await locked(attachmentLocks(id), async (scope) => {
      const volume = await volumeHere(id, ports);
      const attachment = await attachmentOf(ports.db, attachment_id, id);
      await scope.save(async (db, tell) => {
        const events = [{ suffix: 'detach.start', volume }];
        await tell(await volumeEvents({ ...ports, db }, request.context, ports.backend.host, events));
      });
      const connector = connectorOf(attachment.connector);
      if (connector === null) return;
      const isShared = await byDriver(
        (error) => backendError(`Terminate volume connection failed: ${error}`),
        () => connection.disconnect(volume, connector, scope.work),
      );
      if (isShared) return;
      await connection.disconnect(volume, null, scope.work).catch((thrown: unknown) => {
        if (isUnknownOutcome(thrown)) throw thrown;
        log.warn({ err: thrown, volume_id: id }, `the export is left as it is: ${messageOf(thrown)}`);
      });
    });
    return null;
  },
};

/** Null: a host was never told of the volume (a shelved server's attachment). */
function connectorOf(text: string | null): JsonObject | null {
  const connector = objectIn(text);
  return connector !== null && Object.keys(connector).length > 0 ? connector : null;
}
