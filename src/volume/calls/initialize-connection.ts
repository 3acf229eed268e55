import { Type } from '@sinclair/typebox';
import { ById } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { Connector, requireReady, volumeHere } from './call-parts.ts';
import { connect } from './connection.ts';

/*
 * initialize_connection: what a host needs to reach the volume (os-initialize_connection, the backup service,
 * migrations).
 *
 * Locks: the driver's, so that the active image is the one that a snapshot has not just replaced. Upstream takes none.
 *
 * Run again: it answers what is the case now. No row changes but admin metadata, and the same ones again.
 */

const Args = Type.Object({ volume: ById, connector: Connector });

export const initializeConnection: RpcCall<typeof Args> = {
  name: 'initialize_connection',
  args: Args,
  async run({ volume: { id }, connector }, { ports, locked }) {
    requireReady(ports);
    const info = await locked(ports.backend.driver.locksForVolume(id), async (scope) =>
      connect(await volumeHere(id, ports), connector, scope, ports),
    );
    return { ...info };
  },
};
