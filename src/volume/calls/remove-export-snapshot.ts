import { Type } from '@sinclair/typebox';
import { Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { requireReady, snapshotHere } from './call-parts.ts';

/* remove_export_snapshot, as a call or as a cast: as no snapshot is exported, nothing has to be taken back. */

const Args = Type.Object({ snapshot_id: Id });

export const removeExportSnapshot: RpcCall<typeof Args> = {
  name: 'remove_export_snapshot',
  args: Args,
  async run({ snapshot_id }, { ports }) {
    requireReady(ports);
    await snapshotHere(snapshot_id, ports);
    return null;
  },
};
