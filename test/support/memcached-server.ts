import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { expectAnswer } from './redis-server.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/** Debian's memcached, as the user who runs the test; it keeps nothing over a restart. */
export function startMemcached(): Promise<TestServer> {
  return threeTimes(async () => {
    const port = await freePort();
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    return startTestServer('memcached', {
      port,
      graceMs: 2_000,
      launch: (dir) =>
        startServerProcess({
          name: 'memcached',
          argv: ['memcached', '-l', '127.0.0.1', '-p', String(port), '-U', '0', '-t', '1', ...user],
          cwd: dir,
          logFile: join(dir, 'memcached.log'),
          ready: () => expectAnswer(port, 'version\r\n', /^VERSION /),
          readyWithinMs: 20_000,
        }),
    });
  });
}
