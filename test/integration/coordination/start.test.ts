import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Coordinator, Lease } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { startMember, stopMember } from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import { startEtcd, startRedis } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';

// Servers and processes start here: together that takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const forever = new AbortController().signal;
const name = lockName('start');
const take = (by: Coordinator): Promise<Lease> => by.acquire([name], { waitMs: 20_000, signal: forever });

beforeAll(async () => {
  await buildOnce();
});

describe('a start', () => {
  it.each([
    'redis://127.0.0.1:1?timeout=1',
    'zookeeper://127.0.0.1:1?timeout=1',
    'etcd3+http://127.0.0.1:1?timeout=1',
    'mysql://u:p@127.0.0.1:1/db',
    'memcached://127.0.0.1:1',
  ])('%s says what is missing', async (url) => {
    await expect(startMember({ url })).rejects.toThrow(/127\.0\.0\.1:1/);
  });

  it('with a wrong password says so', async () => {
    const server = await startRedis();
    const client = new Redis(server.url, { protocol: 2 });
    await client.config('SET', 'requirepass', 'right');
    await client.quit();
    try {
      await expect(startMember({ url: server.url.replace('//', '//:wrong@') })).rejects.toThrow(/WRONGPASS/);
      const member = await startMember({ url: server.url.replace('//', '//:right@') });
      await (await take(member)).release();
      await stopMember(member);
    } finally {
      await server.stop();
    }
  });

  it('on etcd goes on to the next member, says so of a wrong password, and knows its token again after a restart', async () => {
    const server = await startEtcd();
    const post = async (path: string, body: object): Promise<void> => {
      const response = await fetch(`http://127.0.0.1:${server.port}/v3/auth/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
    };
    await post('user/add', { name: 'root', password: 'right' });
    await post('user/grant', { user: 'root', role: 'root' });
    await post('enable', {});
    const hosts = `127.0.0.1:1,127.0.0.1:${server.port}?lock_timeout=3`;
    try {
      await expect(startMember({ url: `etcd3+http://root:wrong@${hosts}` })).rejects.toThrow(/etcd refuses us/);
      await expect(startMember({ url: `etcd3+http://${hosts}` })).rejects.toThrow(/etcd refuses us/);
      const member = await startMember({ url: `etcd3+http://root:right@${hosts}` });
      const lease = await take(member);
      await server.restart();
      const before = lease.provableUntilMs;
      await eventually(() => lease.provableUntilMs > before);
      await expect(lease.release()).resolves.toBe('released');
      await stopMember(member);
    } finally {
      await server.stop();
    }
  });
});
