import { Type } from '@sinclair/typebox';
import { Flag, Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { Connector, requireReady, snapshotHere } from './call-parts.ts';

/* terminate_connection_snapshot: as no host is connected to a snapshot, none has to be disconnected. */

const Args = Type.Object({ snapshot_id: Id, connector: Type.Union([Connector, Type.Null()]), force: Flag });

export const terminateConnectionSnapshot: RpcCall<typeof Args> = {
  name: 'terminate_connection_snapshot',
  args: Args,
  async run({ snapshot_id }, { ports }) {
    requireReady(ports);
    await snapshotHere(snapshot_id, ports);
    return null;
  },
};
