import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { defaults, spawnMember, startMember, stopMember } from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import { startRedis, type RedisServer } from '../../support/servers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { buildOnce } from '../../support/shared-servers.ts';

const forever = new AbortController().signal;

describe('the queue for a lock on Redis', () => {
  let server: RedisServer;
  let admin: Redis;
  let one: Coordinator;
  let two: Coordinator;

  beforeAll(async () => {
    await buildOnce();
    server = await startRedis();
    admin = new Redis(server.url, { protocol: 2 });
    [one, two] = await Promise.all([startMember({ url: server.url }), startMember({ url: server.url })]);
  });
  afterAll(async () => {
    await Promise.all([one, two].map(stopMember));
    await admin.quit();
    await server.stop();
  });

  const waitersOf = async (name: string) =>
    (await one.holders()).find((holder) => holder.name === `cinder-${name}`)?.waiters;

  it('is gone when its waiters have been served, have given up, or are dead', async () => {
    const name = lockName('left');
    const lease = await one.acquire([name], { waitMs: 5000, signal: forever });
    const member = JSON.stringify({ ...defaults, url: server.url, clock: undefined, log: undefined });
    const killed = await spawnMember(member, 'wait', name);
    const cancel = new AbortController();
    const cancelled = two.acquire([name], { waitMs: 'forever', signal: cancel.signal });
    await eventually(async () => (await waitersOf(name)) === 2);
    killed.kill('SIGKILL');
    cancel.abort(new Error('never mind'));
    await expect(cancelled).rejects.toThrow('never mind');
    await eventually(async () => (await waitersOf(name)) === 0);
    await lease.release();
    await eventually(async () => expect(await admin.keys('*')).toEqual([]));
  });

  it('calls a waiter whose connection broke twice, the second time while it asked to be called', async () => {
    const proxy = await new TcpProxy({ port: server.port }).start();
    const ofPort = (port: number) => startMember({ url: `redis://127.0.0.1:${port}?namespace=apart` });
    const [near, far] = await Promise.all([ofPort(server.port), ofPort(proxy.port)]);
    const name = lockName('broken');
    const lease = await near.acquire([name], { waitMs: 5000, signal: forever });
    const waiting = far.acquire([name], { waitMs: 'forever', signal: forever });
    const listens = async () => ((await admin.pubsub('CHANNELS', 'apart_*')) as readonly string[]).length === 1;
    await eventually(listens);
    const brokenAgain = proxy.resetAt('subscribe');
    proxy.reset();
    await brokenAgain;
    await eventually(listens);
    await lease.release();
    await (await waiting).release();
    await Promise.all([near, far].map(stopMember));
    await proxy.stop();
  });

  it('passes a lock on faster than anybody asks', async () => {
    const name = lockName('called');
    // The first wait opens the connection on which calls come.
    const served: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      const [from, to] = round % 2 === 0 ? [one, two] : [two, one];
      const lease = await from.acquire([name], { waitMs: 5000, signal: forever });
      const waiting = to.acquire([name], { waitMs: 5000, signal: forever });
      await eventually(async () => (await waitersOf(name)) === 1, { everyMs: 1 });
      const sinceMs = performance.now();
      await lease.release();
      await (await waiting).release();
      served.push(performance.now() - sinceMs);
    }
    // Without calls the first in the queue looks every 15 to 45 ms.
    expect(served.sort((a, b) => a - b)[5]).toBeLessThan(15);
  });

  it('serves members that Redis allows no calls, who ask', async () => {
    await admin.call('ACL', 'SETUSER', 'quiet', 'on', '>pw', 'resetchannels', '~_tooz*', `~b'_tooz'*`, '+@all');
    const url = server.url.replace('//', '//quiet:pw@');
    const members = [await startMember({ url }), await startMember({ url })] as const;
    const name = lockName('quiet');
    const lease = await members[0].acquire([name], { waitMs: 5000, signal: forever });
    const waiting = members[1].acquire([name], { waitMs: 5000, signal: forever });
    await eventually(async () => (await waitersOf(name)) === 1);
    await expect(lease.release()).resolves.toBe('released');
    await (await waiting).release();
    await Promise.all(members.map(stopMember));
  });

  it('is kept also by a server that has forgotten the scripts', async () => {
    const name = lockName('forgotten');
    const lease = await one.acquire([name], { waitMs: 5000, signal: forever });
    const waiting = two.acquire([name], { waitMs: 5000, signal: forever });
    await eventually(async () => (await waitersOf(name)) === 1);
    await admin.script('FLUSH');
    await expect(lease.release()).resolves.toBe('released');
    const next = await waiting;
    await admin.script('FLUSH');
    await expect(one.acquire([name], { waitMs: 100, signal: forever })).rejects.toThrow('not to be had');
    await expect(next.release()).resolves.toBe('released');
  });
});
