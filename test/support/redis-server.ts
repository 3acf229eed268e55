import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface RedisServer extends TestServer {
  /** `redis://127.0.0.1:PORT`; append `/N` for database N (there are 1024). */
  readonly url: string;
}

/** `appendOnly` keeps the data over a restart, written before each answer. */
export function startRedis(options: { appendOnly?: boolean } = {}): Promise<RedisServer> {
  return threeTimes(async () => {
    const port = await freePort();
    const persistence = options.appendOnly === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
    const server = await startTestServer('redis', {
      port,
      graceMs: 5_000,
      launch: (dir) =>
        startServerProcess({
          name: 'redis-server',
          argv: [
            'redis-server',
            ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--databases', '1024', '--save', ''],
            ...persistence,
          ],
          cwd: dir,
          logFile: join(dir, 'redis.log'),
          ready: () => expectAnswer(port, 'PING\r\n', /^\+PONG/),
          readyWithinMs: 20_000,
        }),
    });
    return Object.assign(server, { url: `redis://127.0.0.1:${port}` });
  });
}

/** Sends one line and looks at the first piece of the answer. */
export function expectAnswer(port: number, question: string, answer: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => socket.write(question));
    socket.once('data', (data) => {
      socket.destroy();
      if (answer.test(data.toString())) resolve();
      else reject(new Error(`unexpected answer: ${data.toString().slice(0, 200)}`));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without an answer')));
  });
}
