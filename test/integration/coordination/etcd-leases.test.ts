import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EtcdSpec } from '../../../src/coordination/backend-spec.ts';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { keysOf } from '../../../src/coordination/drivers/etcd-answers.ts';
import { EtcdGateway } from '../../../src/coordination/drivers/etcd-gateway.ts';
import { EtcdLeases } from '../../../src/coordination/drivers/etcd-leases.ts';
import { allLocks } from '../../../src/coordination/drivers/etcd-requests.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { parseBackendSpec } from '../../../src/coordination/parse-spec.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { startMember, stopMember } from '../../contract/coordinator/members.ts';
import { eventually } from '../../support/poll.ts';
import { startEtcd, type TestServer } from '../../support/servers.ts';
import { buildOnce } from '../../support/shared-servers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const forever = new AbortController().signal;
const ttlMs = 3000;

const cleanUps: (() => Promise<unknown>)[] = [];
let server: TestServer;
let gateway: EtcdGateway;
let spec: EtcdSpec;

beforeEach(async () => {
  server = await startEtcd();
  cleanUps.push(() => server.stop());
  const parsed = parseBackendSpec(`etcd3+http://127.0.0.1:${server.port}`, {
    memberId: 'test',
    heartbeatMs: 1000,
    lockTtlMs: ttlMs,
    reconnect: { initialMs: 10, maxMs: 100 },
    redisKeyForm: 'both',
  });
  if (parsed.kind !== 'etcd') throw new Error(parsed.kind);
  spec = parsed;
  gateway = new EtcdGateway(spec, silentLogger, 'test');
  await gateway.start(forever);
  cleanUps.push(() => {
    gateway.close();
    return Promise.resolve();
  });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** The ids of all leases that etcd has. */
async function leasesInEtcd(): Promise<readonly string[]> {
  const { leases = [] } = await gateway.call('lease/leases', {});
  return (leases as readonly { readonly ID: string }[]).map(({ ID }) => ID);
}

describe('leases in etcd that wait for an acquisition', () => {
  const clock = new BootClock();
  /** What has passed besides real time. */
  let laterMs = 0;
  const open = (): EtcdLeases => {
    laterMs = 0;
    return new EtcdLeases(spec, { clock: { nowMs: () => clock.nowMs() + laterMs }, gateway });
  };

  it('are taken once, and revoked instead when they are older than a third of their life', async () => {
    const leases = open();
    const first = await leases.take();
    leases.giveBack(first);
    expect((await leases.take()).id).toBe(first.id);
    const second = await leases.take();
    expect(second.id).not.toBe(first.id);
    leases.giveBack(first);
    laterMs = ttlMs / 3;
    expect((await leases.take()).id).not.toBe(first.id);
    await eventually(async () => !(await leasesInEtcd()).includes(first.id));
  });

  it('are kept young, one of them, and proven from when the renewal was sent', async () => {
    const leases = open();
    const others = [await leases.take(), await leases.take()];
    others.forEach((lease) => leases.giveBack(lease));
    for (let beat = 0; beat < 3; beat += 1) {
      laterMs += ttlMs / 3;
      const sentMs = clock.nowMs() + laterMs;
      await leases.refresh();
      const spare = await leases.take();
      expect(spare.id).toBe(others[1]?.id);
      expect(spare.proof.untilMs()).toBeGreaterThanOrEqual(Math.floor(sentMs + ttlMs));
      expect(spare.proof.untilMs()).toBeLessThanOrEqual(clock.nowMs() + laterMs + ttlMs);
      leases.giveBack(spare);
    }
    await eventually(async () => expect(await leasesInEtcd()).toEqual([others[1]?.id]));
  });

  it('are granted beforehand, and replaced when they have run out', async () => {
    const leases = open();
    await leases.refresh();
    const [spare] = await leasesInEtcd();
    await gateway.call('lease/revoke', { ID: spare ?? '' });
    await leases.refresh();
    await leases.refresh();
    const next = await leases.take();
    expect(next.id).not.toBe(spare);
    expect(await leasesInEtcd()).toEqual([next.id]);
  });

  it('are gone when the client has stopped', async () => {
    const leases = open();
    const [one, two] = [await leases.take(), await leases.take()];
    leases.giveBack(one);
    await leases.stop(forever);
    leases.giveBack(two);
    await eventually(async () => expect(await leasesInEtcd()).toEqual([]));
  });
});

describe('the lease behind a lock in etcd', () => {
  const name = lockName('leased');
  let member: Coordinator;
  let proxy: TcpProxy;

  beforeEach(async () => {
    await buildOnce();
    proxy = await new TcpProxy({ port: server.port }).start();
    cleanUps.push(() => proxy.stop());
    const url = `etcd3+http://127.0.0.1:${proxy.port}`;
    // Long enough for the spare lease to be young at every beat, also of a busy machine.
    member = await startMember({ url, lockTtlMs: 4 * ttlMs, heartbeatMs: 1000 });
    cleanUps.push(() => stopMember(member));
  });

  const take = () => member.acquire([name], { waitMs: 20_000, signal: forever });
  const leaseOfLock = async (): Promise<string | undefined> => {
    const [lock] = keysOf(await gateway.call('kv/range', allLocks));
    return lock?.lease;
  };

  it('serves the next acquisition when every answer has come', async () => {
    const seen = new Set<string | undefined>();
    await eventually(async () => (await leasesInEtcd()).length === 1);
    for (let round = 0; round < 5; round += 1) {
      const lease = await take();
      seen.add(await leaseOfLock());
      await expect(lease.release()).resolves.toBe('released');
    }
    expect([...seen]).toEqual(await leasesInEtcd());
  });

  it('serves no other when an answer is missing, and is revoked', async () => {
    const lease = await take();
    const doubtful = await leaseOfLock();
    proxy.pass({ toClient: 'drop' });
    await lease.release();
    proxy.heal();
    const next = await take();
    expect(await leaseOfLock()).not.toBe(doubtful);
    await next.release();
    await eventually(async () => !(await leasesInEtcd()).includes(doubtful ?? ''));
  });
});
