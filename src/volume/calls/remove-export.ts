import { Type } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import { Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { backendError, byDriver, requireReady, volumeHere } from './call-parts.ts';

/*
 * remove_export: no host needs the volume any more. Sent as a call by the backup service, as a cast by others.
 *
 * Locks: those of the volume's attachments. Run again: what is taken back already is success.
 */

const Args = Type.Object({ volume_id: Id });

export const removeExport: RpcCall<typeof Args> = {
  name: 'remove_export',
  args: Args,
  async run({ volume_id }, { ports, locked }) {
    requireReady(ports);
    await locked(attachmentLocks(volume_id), async (scope) => {
      const volume = await volumeHere(volume_id, ports);
      await byDriver(
        () => backendError('Remove volume export failed.'),
        () => ports.backend.driver.connection.disconnect(volume, null, scope.work),
      );
    });
    return null;
  },
};
