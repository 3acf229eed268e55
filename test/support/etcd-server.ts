import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { freePort } from './free-port.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

/**
 * A cluster of one, which elects itself within a fraction of a second and so grants leases of one second too. With
 * `tls`, only for clients that have a certificate.
 */
export function startEtcd(options: { tls?: Certificates } = {}): Promise<TestServer> {
  return threeTimes(async () => {
    const [port, peerPort] = [await freePort(), await freePort()];
    const { tls } = options;
    const files = tls && { 'cert-file': tls.server.cert, 'key-file': tls.server.key, 'trusted-ca-file': tls.ca };
    return startMember(port, peerPort, { ...files, ...(tls && { 'client-cert-auth': 'true' }) }, tls);
  });
}

/** So many servers that elect one of them. */
export function startEtcdCluster(size: number): Promise<readonly TestServer[]> {
  return threeTimes(async () => {
    const members = [];
    for (let i = 0; i < size; i += 1)
      members.push({ name: `member${i}`, port: await freePort(), peerPort: await freePort() });
    const cluster = members.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(',');
    return Promise.all(
      members.map(({ name, port, peerPort }) => {
        const peers = { 'initial-advertise-peer-urls': `http://127.0.0.1:${peerPort}`, 'initial-cluster': cluster };
        return startMember(port, peerPort, { name, ...peers });
      }),
    );
  });
}

function startMember(port: number, peerPort: number, more: Record<string, string>, tls?: Certificates) {
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const flags = {
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': `http://127.0.0.1:${peerPort}`,
    'heartbeat-interval': '50',
    'election-timeout': '500',
    ...more,
  };
  return startTestServer('etcd', {
    port,
    graceMs: 5_000,
    launch: (dir) =>
      startServerProcess({
        name: 'etcd',
        argv: ['etcd', '--data-dir', join(dir, 'data'), ...Object.entries(flags).map(([k, v]) => `--${k}=${v}`)],
        cwd: dir,
        logFile: join(dir, 'etcd.log'),
        ready: () => expectHealth(`${url}/health`, tls),
        readyWithinMs: 20_000,
      }),
  });
}

async function expectHealth(url: string, tls: Certificates | undefined): Promise<void> {
  const answer = await (tls === undefined ? textOf(url) : secureTextOf(url, tls));
  const { health } = JSON.parse(answer) as { health?: unknown };
  if (String(health) !== 'true') throw new Error('etcd is not healthy yet');
}

const textOf = async (url: string): Promise<string> =>
  (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text();

async function secureTextOf(url: string, { ca, client }: Certificates): Promise<string> {
  const files = { ca: await readFile(ca), cert: await readFile(client.cert), key: await readFile(client.key) };
  return new Promise((resolve, reject) => {
    let text = '';
    get(url, { ...files, timeout: 2_000 }, (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.once('end', () => resolve(text)).once('error', reject);
    }).once('error', reject);
  });
}
