import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Coordinator, Lease } from '../../../src/coordination/coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { defaults, startMember, stopMember } from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import { startEtcdCluster, startZookeeperEnsemble, type TestServer } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';

// Six servers and their elections, on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const forever = new AbortController().signal;
const name = lockName('majority');
const clock = new BootClock();
const ttlMs = 20_000;
const take = (by: Coordinator): Promise<Lease> => by.acquire([name], { waitMs: 60_000, signal: forever });

beforeAll(async () => {
  await buildOnce();
});

describe.each([
  {
    service: 'etcd',
    start: () => startEtcdCluster(3),
    url: (hosts: string) => `etcd3+http://${hosts}?lock_timeout=${ttlMs / 1000}`,
  },
  {
    service: 'ZooKeeper',
    start: () => startZookeeperEnsemble(3),
    url: (hosts: string) => `zookeeper://${hosts}?timeout=${ttlMs / 1000}`,
  },
])('a lock on three servers of $service', ({ start, url }) => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  /** Of which one at a time will be gone. */
  async function setUp(): Promise<{ servers: readonly TestServer[]; members: readonly Coordinator[] }> {
    const servers = await start();
    cleanUps.push(() => Promise.all(servers.map((server) => server.stop())));
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
    const members: Coordinator[] = [];
    // Each begins with another server.
    for (const first of servers.keys()) {
      const member = await startMember({ url: url([...hosts.slice(first), ...hosts.slice(0, first)].join(',')) });
      cleanUps.push(() => stopMember(member));
      members.push(member);
    }
    return { servers, members };
  }

  it('outlives each of them in turn, also the leader, and is passed on while one is dead', async () => {
    const { servers, members } = await setUp();
    let lease = await take(at(members, 0));
    for (const [turn, server] of servers.entries()) {
      await server.kill();
      const killedAtMs = clock.nowMs();
      // Proven by an answer to what was sent after the server's death.
      const provenMs = killedAtMs + ttlMs - defaults.safetyMarginMs;
      await eventually(() => lease.provableUntilMs > provenMs, { timeoutMs: ttlMs });
      lease.assertHeld();
      const next = at(members, (turn + 1) % members.length);
      const waiting = take(next);
      await eventually(() => next.local().waiting.includes(name));
      await expect(lease.release()).resolves.toBe('released');
      lease = await waiting;
      lease.assertHeld();
      await server.restart();
    }
    await lease.release();
    await eventually(() => members.every((member) => member.health().ok), { timeoutMs: 30_000 });
  });
});

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  if (one === undefined) throw new Error(`there is no number ${index}`);
  return one;
}
