import { Type } from '@sinclair/typebox';
import { attachmentLocks } from '../../coordination/lock-names.ts';
import { Flag, Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { backendError, byDriver, Connector, requireReady, volumeHere } from './call-parts.ts';

/*
 * terminate_connection: a host does not need the volume any more. Its connector is null where nobody knows it (a forced
 * detach): then every host's connection ends.
 *
 * Locks: those of the volume's attachments. Run again: what is taken back already is success.
 */

const Args = Type.Object({ volume_id: Id, connector: Type.Union([Connector, Type.Null()]), force: Flag });

export const terminateConnection: RpcCall<typeof Args> = {
  name: 'terminate_connection',
  args: Args,
  async run({ volume_id, connector }, { ports, locked }) {
    requireReady(ports);
    await locked(attachmentLocks(volume_id), async (scope) => {
      const volume = await volumeHere(volume_id, ports);
      await byDriver(
        (error) => backendError(`Terminate volume connection failed: ${error}`),
        () => ports.backend.driver.connection.disconnect(volume, connector, scope.work),
      );
    });
    return null;
  },
};
