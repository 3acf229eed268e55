import type { Config } from '../../config/load.ts';
import { silentLogger } from '../../log/logger.ts';
import { createTransport } from '../../rpc/create-transport.ts';
import type { RpcCaller } from '../../rpc/notifier.ts';
import { RpcClient } from '../../rpc/rpc-client.ts';

const connectWithinMs = 15_000;

/** Connects to the queue that a configuration names. */
export async function openCaller(
  config: Config,
  signal: AbortSignal,
): Promise<{ readonly rpc: RpcCaller; close(): Promise<void> }> {
  const { service, rabbit } = config.settings;
  const transport = createTransport({ url: service.transportUrl, options: rabbit, log: silentLogger });
  const client = new RpcClient({ transport, controlExchange: service.controlExchange, log: silentLogger });
  const close = async (): Promise<void> => {
    await client.stop();
    await transport.stop({ force: AbortSignal.timeout(5_000) });
  };
  try {
    await transport.start(AbortSignal.any([signal, AbortSignal.timeout(connectWithinMs)]));
    return { rpc: client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
