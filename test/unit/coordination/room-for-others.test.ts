import { describe, expect, it } from 'vitest';
import { MemoryBackend, MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { LeaseMargin } from '../../../src/coordination/lease-margin.ts';
import { LockCoordinator } from '../../../src/coordination/lock-coordinator.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { RoomForOthers } from '../../../src/coordination/room-for-others.ts';
import { silentLogger } from '../../../src/log/logger.ts';

const forever = new AbortController().signal;
const a = lockName('a');

class TestClock {
  ms = 0;
  nowMs(): number {
    return this.ms;
  }
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

describe('the room for those who poll', () => {
  it('is an eighth of the time for which the lock was held, and at most a quarter of a second', async () => {
    const room = new RoomForOthers(new TestClock());
    room.gaveBack(a, 400);
    expect(await msOf(() => room.leave(a, forever))).toBeGreaterThan(49);
    room.gaveBack(a, 3_600_000);
    const longest = await msOf(() => room.leave(a, forever));
    expect(longest).toBeGreaterThan(249);
    expect(longest).toBeLessThan(10_000);
  });

  it('adds short turns up, and is left once', async () => {
    const room = new RoomForOthers(new TestClock());
    for (let turn = 0; turn < 400; turn += 1) room.gaveBack(a, 1);
    expect(await msOf(() => room.leave(a, forever))).toBeGreaterThan(49);
    // What is owed no more is not waited for, not even with a signal that ends waits.
    await room.leave(a, AbortSignal.abort());
  });

  it('is what the lock was free for anyway', async () => {
    const clock = new TestClock();
    const room = new RoomForOthers(clock);
    room.gaveBack(a, 400);
    clock.ms += 50;
    await room.leave(a, AbortSignal.abort());
  });

  it('is another for each name', async () => {
    const room = new RoomForOthers(new TestClock());
    room.gaveBack(a, 400);
    await room.leave(lockName('b'), AbortSignal.abort());
  });

  it('ends with the wait', async () => {
    const room = new RoomForOthers(new TestClock());
    room.gaveBack(a, 3_600_000);
    await expect(room.leave(a, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe('a coordinator', () => {
  const turns = async (fifo: boolean): Promise<number> => {
    const clock = new TestClock();
    const backend = new MemoryBackend({ locks: new MemoryLocks(), memberId: 'cinder-test' });
    Object.defineProperty(backend, 'guarantees', { value: { ...backend.guarantees, fifo } });
    const margin = new LeaseMargin({ baseMs: 10, mostMs: 10 });
    const coordinator = new LockCoordinator({ backend, clock, log: silentLogger, margin });
    await coordinator.start(forever);
    const lease = await coordinator.acquire([a], { waitMs: 'forever', signal: forever });
    clock.ms += 60_000;
    await lease.release();
    return msOf(async () => (await coordinator.acquire([a], { waitMs: 'forever', signal: forever })).release());
  };

  it('leaves room where the service has no queue', async () => {
    expect(await turns(false)).toBeGreaterThan(249);
  });

  it('leaves none where it has one', async () => {
    expect(await turns(true)).toBeLessThan(249);
  });
});
