import { Type } from '@sinclair/typebox';
import { CinderError } from '../../domain/exceptions.ts';
import { Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { Connector, requireReady, snapshotHere } from './call-parts.ts';

/*
 * initialize_connection_snapshot: no driver of ours lets a host read a snapshot by itself, which is said here. (Upstream
 * answers null, on which its backup service stumbles.)
 */

const Args = Type.Object({ snapshot_id: Id, connector: Connector });

export const initializeConnectionSnapshot: RpcCall<typeof Args> = {
  name: 'initialize_connection_snapshot',
  args: Args,
  async run({ snapshot_id }, { ports }) {
    requireReady(ports);
    await snapshotHere(snapshot_id, ports);
    throw new CinderError('NotSupportedOperation', { operation: 'connect a snapshot' }, { outcome: 'not-started' });
  },
};
