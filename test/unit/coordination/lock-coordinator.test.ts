import { describe, expect, it } from 'vitest';
import { createCoordinator } from '../../../src/coordination/create.ts';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { MemoryBackend, MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { LeaseMargin } from '../../../src/coordination/lease-margin.ts';
import { LockCoordinator } from '../../../src/coordination/lock-coordinator.ts';
import { lockName, wireName } from '../../../src/coordination/lock-names.ts';
import { InvalidInputError } from '../../../src/kernel/errors.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { eventually } from '../../support/poll.ts';

const clock = new BootClock();
const forever = new AbortController().signal;
const margin = new LeaseMargin({ baseMs: 10, mostMs: 10 });
const [a, b] = [lockName('a'), lockName('b')];

async function start(locks: MemoryLocks): Promise<Coordinator> {
  const backend = new MemoryBackend({ locks, memberId: 'cinder-test' });
  const coordinator = new LockCoordinator({ backend, clock, log: silentLogger, margin });
  await coordinator.start(forever);
  return coordinator;
}

describe('the frame around lock backends', () => {
  it('takes all names again when one was lost while another was waited for', async () => {
    const locks = new MemoryLocks();
    const [ours, others] = [await start(locks), await start(locks)];
    const blocker = await others.acquire([b], { waitMs: 'forever', signal: forever });
    const waiting = ours.acquire([a, b], { waitMs: 'forever', signal: forever });
    await eventually(() => locks.held.has(wireName(a)) && ours.local().waiting.includes(b));
    locks.drop(wireName(a));
    const thief = await others.acquire([a], { waitMs: 'forever', signal: forever });
    await blocker.release();
    await eventually(() => ours.local().waiting.includes(a));
    await thief.release();
    const lease = await waiting;
    lease.assertHeld();
    expect([...locks.held.keys()].sort()).toEqual([wireName(a), wireName(b)]);
    await lease.release();
    expect(locks.held.size).toBe(0);
  });

  it('makes a lease of no names at all', async () => {
    const coordinator = await start(new MemoryLocks());
    await using lease = await coordinator.acquire([], { waitMs: 0, signal: forever });
    lease.assertHeld();
    expect(lease.provableUntilMs).toBe(Infinity);
  });

  it('keeps the locks of work that does not end when it is stopped by force', async () => {
    const locks = new MemoryLocks();
    const coordinator = await start(locks);
    const lease = await coordinator.acquire([a], { waitMs: 0, signal: forever });
    await coordinator.stop({ force: AbortSignal.abort() });
    expect(lease.signal.aborted).toBe(true);
    expect(locks.held.has(wireName(a))).toBe(true);
  });

  it('waits at its stop for leases to be given back', async () => {
    const coordinator = await start(new MemoryLocks());
    const lease = await coordinator.acquire([a], { waitMs: 0, signal: forever });
    let stopped = false;
    const stopping = coordinator.stop({ force: forever }).then(() => (stopped = true));
    await eventually(() => lease.signal.aborted);
    expect(stopped).toBe(false);
    await expect(lease.release()).resolves.toBe('lost');
    await stopping;
  });

  it('waits longer than a timer can', async () => {
    const coordinator = await start(new MemoryLocks());
    const first = await coordinator.acquire([a], { waitMs: 0, signal: forever });
    const second = coordinator.acquire([a], { waitMs: 2 ** 40, signal: forever });
    await eventually(() => coordinator.local().waiting.includes(a));
    await first.release();
    await (await second).release();
  });
});

describe('createCoordinator', () => {
  const settings = {
    heartbeatMs: 1000,
    initialReconnectBackoffMs: 100,
    maxReconnectBackoffMs: 1000,
    safetyMarginMs: 1000,
    silentMainLoopMs: 30_000,
    clock,
    log: silentLogger,
  };

  it.each(['redis://h?lock_timeout=3', 'zookeeper://h?timeout=3'])('refuses %s with a margin of a second', (url) => {
    expect(() => createCoordinator({ url, ...settings })).toThrow(InvalidInputError);
  });

  it('connects to nothing by itself', () => {
    expect(createCoordinator({ url: 'redis://nowhere.invalid', ...settings }).health()).toEqual({
      ok: false,
      detail: 'not running',
    });
  });
});
