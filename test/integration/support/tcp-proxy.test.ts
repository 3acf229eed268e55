import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/poll.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

let echo: Server;
let proxy: TcpProxy;
let client: Socket;
let received: string;

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await new TcpProxy({ port: (echo.address() as AddressInfo).port }).start();
  client = await open();
});

afterEach(async () => {
  client.destroy();
  await proxy.stop();
  echo.close();
});

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  received = '';
  socket.on('data', (data) => (received += data.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const echoed = (text: string): Promise<boolean> => eventually(() => received === text && true, { timeoutMs: 2_000 });

describe('TcpProxy', () => {
  it('lets bytes pass', async () => {
    client.write('a');
    await echoed('a');
  });

  it('holds bytes back and lets them pass later', async () => {
    proxy.pass({ toClient: 'hold' });
    client.write('a');
    await sleep(100);
    expect(received).toBe('');
    proxy.heal();
    await echoed('a');
  });

  it('loses bytes on a connection that stays open', async () => {
    proxy.blackHole();
    client.write('lost');
    await sleep(100);
    expect(client.destroyed).toBe(false);
    proxy.heal();
    client.write('kept');
    await echoed('kept');
  });

  it('delays', async () => {
    proxy.slow(200);
    const since = performance.now();
    client.write('a');
    await echoed('a');
    expect(performance.now() - since).toBeGreaterThanOrEqual(390);
  });

  it('cuts, and accepts anew', async () => {
    const closed = once(client, 'close');
    proxy.cut();
    await closed;
    client = await open();
    client.write('a');
    await echoed('a');
  });

  it('resets, and refuses until healed', async () => {
    client.write('a');
    await echoed('a');
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve));
    proxy.refuse();
    proxy.reset();
    expect((await failed).code).toBe('ECONNRESET');
    await eventually(() => proxy.connections === 0 && true);
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    await new Promise((resolve) => refused.once('close', resolve));
    expect(proxy.connections).toBe(0);
    proxy.heal();
    client = await open();
    client.write('b');
    await echoed('b');
  });
});
