/*
 * A share helper that works in a guest: what the driver starts on the host passes its standard input and output on.
 * The file that the driver starts is made by the rig, because its environment tells it nothing.
 */
import { createConnection } from 'node:net';

export function runInGuest(port, argv) {
  const { UV_THREADPOOL_SIZE } = process.env;
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.write(`${JSON.stringify({ argv: [...argv, ...process.argv.slice(2)], env: { UV_THREADPOOL_SIZE } })}\n`);
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on('error', (error) => console.error(`the guest's agent: ${error.message}`));
  socket.on('close', () => process.exit(1));
  // As the helper itself: the driver decides when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
}
