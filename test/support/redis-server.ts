import { connect } from 'node:net';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { freePort } from './free-port.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface RedisServer extends TestServer {
  /** `redis://127.0.0.1:PORT`; append `/N` for database N (there are 1024). */
  readonly url: string;
}

export interface RedisOptions {
  /** Keeps the data over a restart, written before each answer. */
  readonly appendOnly?: boolean;
  /** Only TLS, and only clients with a certificate. */
  readonly tls?: Certificates;
}

export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
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
            ...['--bind', '127.0.0.1', '--dir', dir, '--databases', '1024', '--save', ''],
            ...(options.tls === undefined ? ['--port', String(port)] : tlsFlags(port, options.tls)),
            ...persistence,
          ],
          cwd: dir,
          logFile: join(dir, 'redis.log'),
          ready: () => (options.tls === undefined ? expectAnswer(port, 'PING\r\n', /^\+PONG/) : expectPort(port)),
          readyWithinMs: 20_000,
        }),
    });
    const scheme = options.tls === undefined ? 'redis' : 'rediss';
    return Object.assign(server, { url: `${scheme}://127.0.0.1:${port}` });
  });
}

const tlsFlags = (port: number, { ca, server }: Certificates): readonly string[] => [
  ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'yes'],
  ...['--tls-ca-cert-file', ca, '--tls-cert-file', server.cert, '--tls-key-file', server.key],
];

/** Somebody listens there. */
function expectPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
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
