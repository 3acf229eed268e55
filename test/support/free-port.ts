import { createServer } from 'node:net';
import { listenOnLoopback } from '../../src/dev/free-port.ts';

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. Between this and its use another process may take it: servers
 * are therefore started by `server-process`, which tries again on another port.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
