import { afterEach, describe, expect, it } from 'vitest';
import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { lockNames } from '../../../src/coordination/lock-names.ts';
import { lookForPython, type Answerer, type PythonMeeting } from '../../../src/coordination/python-look.ts';
import { PythonPeers } from '../../../src/coordination/python-peers.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { delay } from '../../../src/kernel/abort.ts';
import { eventually } from '../../support/poll.ts';
import { memoryCoordinator } from './memory-coordinator.ts';
import { MemoryLocks } from '../../../src/coordination/drivers/memory.ts';

const forever = new AbortController().signal;
const probeId = 'a0000000-0000-4000-8000-000000000000';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function coordinatorOn(locks: MemoryLocks): Promise<Coordinator> {
  const { coordinator, stop } = await memoryCoordinator(locks);
  stops.push(stop);
  return coordinator;
}

type Reader = (signal: AbortSignal) => Promise<Answerer>;

/** Does what is asked under the volume's lock, as Python's service. */
const pythonOn = (coordinator: Coordinator): Reader => {
  return async (signal) => {
    const lease = await coordinator.acquire([lockNames.attachVolume(probeId)], { waitMs: 'forever', signal });
    await lease.release();
    return 'python';
  };
};
const ours: Reader = () => Promise.resolve('ours');
const frozen: Reader = (signal) => delay(60, signal).then(() => 'nobody');

/** A queue, whose readers are served in turn. */
function queueOf(...readers: readonly Reader[]): (backend: string, signal: AbortSignal) => Promise<Answerer> {
  let next = 0;
  return (_, signal) => (readers[next++ % readers.length] ?? ours)(signal);
}

async function look(locks: MemoryLocks, ...readers: readonly Reader[]): Promise<PythonMeeting> {
  const coordinator = await coordinatorOn(locks);
  const options = { coordinator, probeId, ask: queueOf(...readers), holdMs: 40, signal: forever };
  return lookForPython('h@b', readers.length, options);
}

describe('a Python service on our queue', () => {
  it('meets us where it waits for the lock that we hold', async () => {
    const locks = new MemoryLocks();
    expect(await look(locks, ours, pythonOn(await coordinatorOn(locks)), ours)).toBe('meets');
    expect(locks.held.size).toBe(0);
  });

  it('is apart where it goes on meanwhile, also if another one waits', async () => {
    const locks = new MemoryLocks();
    const [waiting, apart] = [pythonOn(await coordinatorOn(locks)), pythonOn(await coordinatorOn(new MemoryLocks()))];
    expect(await look(locks, ours, waiting, apart)).toBe('apart');
  });

  it('is not there where all answers are ours, and then the lock is not held for long', async () => {
    const coordinator = await coordinatorOn(new MemoryLocks());
    const asked: string[] = [];
    const ask = (backend: string): Promise<Answerer> => {
      asked.push(backend);
      return Promise.resolve('ours');
    };
    const options = { coordinator, probeId, ask, holdMs: 1_000_000, signal: forever };
    expect(await lookForPython('h@b', 3, options)).toBe('none');
    expect(asked).toEqual(Array.from({ length: 6 }, () => 'h@b'));
  });

  it('is not judged by a request that nobody answered', async () => {
    const locks = new MemoryLocks();
    expect(await look(locks, ours, frozen)).toBe('unsure');
    expect(await look(locks, pythonOn(await coordinatorOn(locks)), frozen)).toBe('unsure');
  });

  it('is not called apart for an answer that came after the lock was lost', async () => {
    const coordinator = await coordinatorOn(new MemoryLocks());
    const ask = async (): Promise<Answerer> => {
      await coordinator.stop({ force: AbortSignal.abort() });
      return 'python';
    };
    expect(await lookForPython('h@b', 1, { coordinator, probeId, ask, holdMs: 40, signal: forever })).toBe('unsure');
  });

  it('that waited ends the look when we are stopped, and leaves no lock', async () => {
    const locks = new MemoryLocks();
    const coordinator = await coordinatorOn(locks);
    const stopping = new AbortController();
    const options = {
      coordinator,
      probeId,
      ask: queueOf(pythonOn(await coordinatorOn(locks))),
      signal: stopping.signal,
    };
    const looking = lookForPython('h@b', 1, options);
    await eventually(() => locks.held.size === 1);
    stopping.abort(new Error('stopping'));
    await expect(looking).rejects.toThrow('stopping');
    await eventually(() => locks.held.size === 0);
  });
});

describe('python peers', () => {
  it('make a replica not ready while one is apart, and only then', async () => {
    const locks = new MemoryLocks();
    let reader = pythonOn(await coordinatorOn(new MemoryLocks()));
    const peers = new PythonPeers({
      coordinator: await coordinatorOn(locks),
      probeId,
      backends: ['h@b'],
      replicas: () => 1,
      ask: (_, signal) => reader(signal),
      holdMs: 20,
      intervalMs: 5,
      log: silentLogger,
    });
    await peers.start();
    stops.push(() => peers.stop({ force: AbortSignal.abort() }));
    await eventually(() => !peers.health().ok);
    expect(peers.health().detail).toBe(
      'a Python service on the queue of h@b does not wait for our locks; compare [coordination]',
    );
    let unanswered = 0;
    reader = async (signal) => {
      unanswered += 1;
      return frozen(signal);
    };
    const inTwoLooks = 2 * 3 * 2;
    await eventually(() => unanswered >= inTwoLooks);
    expect(peers.meetings().get('h@b')).toBe('apart');
    reader = pythonOn(await coordinatorOn(locks));
    await eventually(() => peers.meetings().get('h@b') === 'meets' && peers.health().ok);
  });
});
