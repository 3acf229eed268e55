import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/** A cluster of one, which elects itself within a fraction of a second and so grants leases of one second too. */
export function startEtcd(): Promise<TestServer> {
  return threeTimes(async () => {
    const [port, peerPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const flags = {
      'listen-client-urls': url,
      'advertise-client-urls': url,
      'listen-peer-urls': `http://127.0.0.1:${peerPort}`,
      'heartbeat-interval': '50',
      'election-timeout': '500',
    };
    return startTestServer('etcd', {
      port,
      graceMs: 5_000,
      launch: (dir) =>
        startServerProcess({
          name: 'etcd',
          argv: ['etcd', '--data-dir', join(dir, 'data'), ...Object.entries(flags).flatMap(([k, v]) => [`--${k}`, v])],
          cwd: dir,
          logFile: join(dir, 'etcd.log'),
          ready: () => expectHealth(url),
          readyWithinMs: 20_000,
        }),
    });
  });
}

async function expectHealth(url: string): Promise<void> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
  const { health } = (await response.json()) as { health?: unknown };
  if (String(health) !== 'true') throw new Error('etcd is not healthy yet');
}
