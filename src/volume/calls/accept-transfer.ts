import { Type } from '@sinclair/typebox';
import { Flag, Id } from '../operations/arguments.ts';
import type { RpcCall } from '../rpc-service.ts';
import { requireReady, volumeHere } from './call-parts.ts';

/*
 * accept_transfer: a volume gets another owner, whom the API writes into its row. No driver of ours ties anything on the
 * backend to the owner: upstream's answer for that is null, "no column changes".
 */

const Args = Type.Object({
  volume_id: Id,
  new_user: Type.String(),
  new_project: Type.String(),
  no_snapshots: Flag,
});

export const acceptTransfer: RpcCall<typeof Args> = {
  name: 'accept_transfer',
  args: Args,
  async run({ volume_id }, { ports }) {
    requireReady(ports);
    await volumeHere(volume_id, ports);
    return null;
  },
};
