import type { Json } from '../domain/json.ts';
import type { RpcCaller } from '../rpc/notifier.ts';
import { RemoteError } from '../rpc/wire/failure.ts';
import { PeerRefusal, queueOf, type Peers } from '../volume/peers.ts';

/** The volume RPC's first version: what is called here has been in it ever since. */
const VERSION = '3.0';

export function createPeers(caller: RpcCaller, timeoutMs: () => number): Peers {
  return {
    call: async (of, method, args, signal) => {
      try {
        const options = { timeoutMs: timeoutMs(), signal };
        return (await caller.call(queueOf(of), method, VERSION, args, options)) as Json;
      } catch (thrown) {
        if (!(thrown instanceof RemoteError)) throw thrown;
        throw new PeerRefusal(`${method} on ${queueOf(of).topic}: ${thrown.message}`, { cause: thrown });
      }
    },
  };
}
