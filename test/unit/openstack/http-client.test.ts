import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpClient } from '../../../src/openstack/http-client.ts';

const tls = { caFile: null, certFile: null, keyFile: null, insecure: false };
/** Listens, and takes no connection: what does not fit into the kernel's queue gets no answer, as behind a firewall. */
const deaf = `
import socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen(0)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
`;

let server: ChildProcess | undefined;
let filling: Socket[] = [];

afterEach(() => {
  for (const socket of filling) socket.destroy();
  filling = [];
  server?.kill('SIGKILL');
});

async function deafPort(): Promise<number> {
  const child = spawn('python3', ['-c', deaf], { stdio: ['pipe', 'pipe', 'inherit'] });
  server = child;
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  // More than the queue takes; those beyond it are left in the middle of connecting.
  filling = Array.from({ length: 4 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => undefined));
  await once(filling[0] as Socket, 'connect');
  return port;
}

describe('a request to a server that does not answer', () => {
  it('is given up after the same silence where not even a connection comes about', { timeout: 10_000 }, async () => {
    const url = `http://127.0.0.1:${await deafPort()}/`;
    const since = performance.now();
    const client = new HttpClient(tls, 500);
    const asked = client.text({ method: 'GET', url, signal: AbortSignal.timeout(5_000) });
    await expect(asked).rejects.toMatchObject({ outcome: 'unknown', sent: false });
    expect(performance.now() - since).toBeLessThan(4_000);
  });
  it('is given up on a connection that has served another request as well', async () => {
    const answers = [true, false];
    const silent = createServer((_, response) => {
      if (answers.shift() === true) response.end('ok');
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
      const client = new HttpClient(tls, 300);
      const ask = () => client.text({ method: 'GET', url, signal: AbortSignal.timeout(5_000) });
      expect(await ask()).toMatchObject({ status: 200, text: 'ok' });
      await expect(ask()).rejects.toMatchObject({ outcome: 'unknown', sent: true });
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });
});
