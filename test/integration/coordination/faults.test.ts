import type { Worker } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Coordinator, Lease } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import {
  defaults,
  spawnMember,
  startMember,
  stopMember,
  type MemberOptions,
} from '../../contract/coordinator/members.ts';
import { serviceKinds } from '../../chaos/locks/services.ts';
import { lockServers, type LockServer, type LockServerName } from '../../support/lock-servers.ts';
import { eventually } from '../../support/poll.ts';
import { startRedis, startZookeeper, type TestServer } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

// Times to live run out here, and processes start: together that takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A service behind a proxy that breaks its connections. */
interface Service extends LockServer {
  readonly name: LockServerName;
  /** Whether a lock outlives the connection of its owner, and its server. */
  readonly outlives: boolean;
  /** Whether its client is on the main loop, which asks for all locks of an operation in one round trip. */
  readonly onMainLoop: boolean;
}

const services: readonly Service[] = [
  { name: 'redis', ...lockServers.redis, outlives: true, onMainLoop: true },
  { name: 'zookeeper', ...lockServers.zookeeper, outlives: true, onMainLoop: true },
  { name: 'etcd', ...lockServers.etcd, outlives: true, onMainLoop: true },
  { name: 'memcached', ...lockServers.memcached, outlives: true, onMainLoop: false },
  { name: 'mysql', ...lockServers.mysql, outlives: false, onMainLoop: false },
];
const ttlMs = 3000;

const forever = new AbortController().signal;
const name = lockName('fault');
const clock = new BootClock();
const take = (by: Coordinator, waitMs = 20_000): Promise<Lease> => by.acquire([name], { waitMs, signal: forever });
const plain = (options: MemberOptions): string =>
  JSON.stringify({ ...defaults, ...options, clock: undefined, log: undefined });

beforeAll(async () => {
  await buildOnce();
});

describe.each(services)('a lock on $name', (service) => {
  const cleanUps: (() => Promise<void>)[] = [];
  let server: TestServer;
  let proxy: TcpProxy;

  const at = (port: number): MemberOptions => ({ url: service.url(port), lockTtlMs: ttlMs });

  /** One member reaches the server through the proxy, the other directly. */
  const setUp = async (): Promise<{ near: Coordinator; far: Coordinator }> => {
    server = await service.start();
    cleanUps.push(() => server.stop());
    proxy = await new TcpProxy({ port: server.port }).start();
    cleanUps.push(() => proxy.stop());
    const far = await startMember(at(proxy.port));
    cleanUps.push(() => stopMember(far));
    const near = await startMember(at(server.port));
    cleanUps.push(() => stopMember(near));
    return { near, far };
  };
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  it('is given up behind a silent network before anybody else can have it, and to be had again after', async () => {
    const { near, far } = await setUp();
    const lease = await take(far);
    const lostAtMs = new Promise<number>((resolve) =>
      lease.signal.addEventListener('abort', () => resolve(clock.nowMs())),
    );
    const waiting = take(near).then((next) => ({ next, wonAtMs: clock.nowMs() }));
    proxy.blackHole();
    const provenMs = lease.provableUntilMs;
    const { next, wonAtMs } = await waiting;
    expect(await lostAtMs).toBeLessThan(wonAtMs);
    expect(await lostAtMs).toBeLessThanOrEqual(provenMs + ttlMs);
    expect(() => lease.assertHeld()).toThrow();
    expect(far.health().ok).toBe(false);
    await expect(lease.release()).resolves.toBe('lost');
    proxy.heal();
    await next.release();
    await (await take(far)).release();
    await eventually(() => far.health().ok);
  });

  it('is given up at once by who waits no longer, though the service is silent, and left to others', async () => {
    const { near } = await setUp();
    // With the times of every day: what the service is granted for an answer is much longer than this wait.
    const patient = await startMember({ url: service.url(proxy.port) });
    cleanUps.push(() => stopMember(patient));
    proxy.blackHole();
    const sinceMs = clock.nowMs();
    await expect(take(patient, 200)).rejects.toThrow('not to be had');
    expect(clock.nowMs() - sinceMs).toBeLessThan(2000);
    proxy.heal();
    // A stream of bytes that lacks some is no use any more.
    proxy.reset();
    await (await take(near)).release();
    await (await take(patient)).release();
  });

  it('survives a short break, and is still its owner’s', async (test) => {
    if (!service.outlives) return test.skip();
    const { near, far } = await setUp();
    const lease = await take(far);
    proxy.reset();
    await eventually(() => lease.provableUntilMs > clock.nowMs() && proxy.connections > 0 && far.health().ok);
    const before = lease.provableUntilMs;
    await eventually(() => lease.provableUntilMs > before);
    lease.assertHeld();
    await expect(take(near, 300)).rejects.toThrow('not to be had');
    await expect(lease.release()).resolves.toBe('released');
    await (await take(near)).release();
  });

  it('is had together with seven others in the time of one', async (test) => {
    if (!service.onMainLoop) return test.skip();
    const { far } = await setUp();
    const timeOf = async (count: number): Promise<number> => {
      const names = Array.from({ length: count }, (_, at) => lockName(`several-${count}-${at}`));
      const sinceMs = clock.nowMs();
      const lease = await far.acquire(names, { waitMs: 20_000, signal: forever });
      const tookMs = clock.nowMs() - sinceMs;
      await lease.release();
      return tookMs;
    };
    proxy.slow(50);
    const oneMs = await timeOf(1);
    expect(await timeOf(8)).toBeLessThan(3 * oneMs);
  });

  it('is lost at once with its connection where it lives in it', async (test) => {
    if (service.outlives) return test.skip();
    const { near, far } = await setUp();
    const lease = await take(far);
    const waiting = take(near);
    proxy.reset();
    await eventually(() => lease.signal.aborted);
    await expect(lease.release()).resolves.toBe('lost');
    await (await waiting).release();
    await (await take(far)).release();
  });

  it('is still waited for when the server comes back', async () => {
    const { near, far } = await setUp();
    const lease = await take(near);
    const waiting = take(far);
    await eventually(() => far.local().waiting.includes(name));
    await server.restart();
    await lease.release();
    const next = await waiting;
    next.assertHeld();
    await expect(next.release()).resolves.toBe('released');
    await eventually(() => far.health().ok && near.health().ok);
  });

  it('is not lost by a main loop that is blocked for longer than its time to live', async () => {
    await setUp();
    const member = await spawnMember(plain(at(server.port)), 'block', name, '6000');
    expect(await member.line()).toBe('held');
    expect(await member.line()).toBe('kept');
  });

  it('is known to be lost by a main loop that goes on, when the service forgot it meanwhile', async (test) => {
    const kind = serviceKinds.find(({ name }) => name === service.name);
    if (kind?.forget === undefined) return test.skip();
    await setUp();
    // It would have been proven for longer than the loop is blocked.
    const member = await spawnMember(plain({ ...at(server.port), lockTtlMs: 10_000 }), 'block', name, '5000');
    expect(await member.line()).toBe('held');
    await kind.forget(server.port);
    expect(await member.line()).toBe('lost');
  });

  it('is lost when the thread with the whole client dies, and waits go on in the next one', async (test) => {
    if (service.onMainLoop) return test.skip();
    const threads: Worker[] = [];
    const note = (thread: Worker): void => void threads.push(thread);
    process.on('worker', note);
    cleanUps.push(() => Promise.resolve(void process.off('worker', note)));
    const { near, far } = await setUp();
    const lease = await take(far);
    const other = await near.acquire([lockName('other')], { waitMs: 1000, signal: forever });
    const waiting = far.acquire([lockName('other')], { waitMs: 'forever', signal: forever });
    await eventually(() => far.local().waiting.length === 1);
    await threads[0]?.terminate();
    await eventually(() => lease.signal.aborted);
    await expect(lease.release()).resolves.toBe('lost');
    await other.release();
    const next = await waiting;
    next.assertHeld();
    await next.release();
    expect(threads).toHaveLength(3);
    await (await take(near)).release();
  });

  it('is kept when the thread that renews it dies, by the next one, also while the main loop is blocked', async (test) => {
    if (!service.onMainLoop) return test.skip();
    const { near } = await setUp();
    const member = await spawnMember(plain(at(server.port)), 'orphan', name, '6000');
    expect(await member.line()).toBe('held');
    await expect(take(near, 5_000)).rejects.toThrow('not to be had');
    expect(await member.line()).toBe('kept');
    await (await take(near)).release();
  });

  it('is lost by a main loop that is silent for too long', async () => {
    const { near } = await setUp();
    const options = { ...at(server.port), silentMainLoopMs: 1000 };
    const member = await spawnMember(plain(options), 'block', name, '9000');
    expect(await member.line()).toBe('held');
    const next = await take(near);
    next.assertHeld();
    await next.release();
    expect(await member.line()).toBe('lost');
  });

  it('is lost by a frozen process, which knows it when it thaws', async () => {
    const { near } = await setUp();
    const member = await spawnMember(plain(at(server.port)), 'hold', name);
    expect(await member.line()).toBe('held');
    member.kill('SIGSTOP');
    const next = await take(near);
    member.kill('SIGCONT');
    expect(await member.line()).toBe('lost');
    next.assertHeld();
    member.send('release');
    expect(await member.line()).toBe('lost');
    await expect(next.release()).resolves.toBe('released');
  });
});

describe.concurrent('with the times of every day, a main loop that is blocked for 25 s', { timeout: 90_000 }, () => {
  it.each([
    ['a lock of 30 s on redis', startRedis],
    ['a session of 10 s on zookeeper', startZookeeper],
  ] as const)('does not lose %s', async (_, start) => {
    const server = await start();
    try {
      const everyDay = { heartbeatMs: 1000, safetyMarginMs: 1000 };
      const member = await spawnMember(plain({ url: server.url, ...everyDay }), 'block', name, '25000');
      expect(await member.line()).toBe('held');
      const other = await startMember({ url: server.url });
      await expect(take(other, 20_000)).rejects.toThrow('not to be had');
      expect(await member.line()).toBe('kept');
      await (await take(other)).release();
      await stopMember(other);
    } finally {
      await server.stop();
    }
  });
});

describe('a lock on redis, when the server forgets', () => {
  it('is lost within a beat', async () => {
    const server = await startRedis();
    const member = await startMember({ url: `${server.url}?lock_timeout=30` });
    try {
      const lease = await take(member);
      const client = new Redis(server.url, { protocol: 2 });
      await client.flushall();
      await client.quit();
      const sinceMs = clock.nowMs();
      await eventually(() => lease.signal.aborted);
      expect(clock.nowMs() - sinceMs).toBeLessThan(2000);
      await lease.release();
    } finally {
      await stopMember(member);
      await server.stop();
    }
  });
});
