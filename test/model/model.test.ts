import { describe, expect, it } from 'vitest';
import { explore, type Bounds, type Exploration } from './explore.ts';
import type { Mistake } from './mistakes.ts';
import { worlds, type World, type WorldName } from './worlds.ts';

/*
 * The custody protocol, by the door's and the driver's real code, through every order in which things can happen within
 * these bounds. `npm run model` takes others.
 */

const look = (name: WorldName, bounds: Partial<Bounds>): Promise<Exploration> => {
  const world: World = worlds[name];
  return explore(world, { budget: {}, replicas: 2, states: 40_000, ...bounds });
};

/** All that r1 does about its message, up to and without the settlement. */
const taken = stepsOf('take-a', [
  ...['journal.receive', 'ack', 'locks.acquire', 'journal.claim', 'snapshots.get', 'share.look', 'snapshots.ofVolume'],
  ...['share.write', 'fence.check', 'share.publish', 'fence.check', 'share.write', 'share.publish'],
]);
const filled = stepsOf('fill-1', [
  ...['journal.receive', 'ack', 'locks.acquire', 'journal.claim', 'volumes.get', 'share.look', 'share.write'],
  ...['fence.check', 'share.publish'],
]);

function stepsOf(message: string, asks: readonly string[]): readonly string[] {
  return [`the broker delivers ${message} to r1`, ...asks.map((ask) => `r1 ${message}: ${ask}`)];
}

describe('every request ends once, as it should, whatever the order', { timeout: 120_000 }, () => {
  it.each([
    ['one snapshot', { kill: 1 }, 2],
    ['one snapshot', { lostAnswer: 1 }, 2],
    ['two snapshots of one volume', {}, 2],
    ['two messages that ask for one volume', {}, 1],
    ['a Python peer beside', { kill: 1 }, 1],
  ] as const)('%s, with %o, by %i', async (name, budget, replicas) => {
    const { finding, isComplete, states } = await look(name, { budget, replicas });
    expect(finding).toBeUndefined();
    expect(isComplete).toBe(true);
    expect(states).toBeGreaterThan(100);
  });

  it.each([4, 5, 8, 10, 12, 13])('where the replica stands still after %i of its steps', async (count) => {
    const begin = [...taken.slice(0, count + 1), 'r1 stands still'];
    const { finding, isComplete } = await look('one snapshot', { budget: { freeze: 1, late: 1 }, begin });
    expect(finding).toBeUndefined();
    expect(isComplete).toBe(true);
  });
});

describe('a mistake is found', { timeout: 120_000 }, () => {
  const found = async (name: WorldName, mistake: Mistake, bounds: Partial<Bounds> = {}): Promise<string> => {
    const { finding } = await look(name, { mistake, ...bounds });
    return finding?.problem ?? 'nothing wrong';
  };

  it('where the message is acknowledged before it is journalled', async () => {
    const mistake = 'the message is acknowledged before it is journalled';
    expect(await found('one snapshot', mistake, { budget: { kill: 1 } })).toContain('creating, not');
  });

  it('where the entry is claimed before the locks are had', async () => {
    const mistake = 'the entry is claimed before the locks are had';
    expect(await found('two snapshots of one volume', mistake)).toContain('claims under');
  });

  it('where the row is read before the locks are had', async () => {
    const begin = ['fill-1', 'fill-2'].flatMap((id) => stepsOf(id, ['journal.receive', 'volumes.get', 'ack']));
    const mistake = 'the row is read before the locks are had';
    const problem = await found('two messages that ask for one volume', mistake, { begin, depth: 25 });
    expect(problem).toBe('data in the volume: image, not guest, image');
  });

  it('where tokens belong to the request instead of the lock', async () => {
    const mistake = 'tokens belong to the request instead of the lock';
    const bounds = { budget: { freeze: 1 }, begin: [...filled, 'r1 stands still'] };
    const problem = await found('two messages that ask for one volume', mistake, bounds);
    expect(problem).toContain('after somebody else has claimed');
  });

  it('where a replica keeps .info of its last look', async () => {
    const mistake = 'a replica keeps .info of its last look';
    const problem = await found('two snapshots of one volume', mistake, { replicas: 1 });
    expect(problem).toBe('the entry 2 was refused');
  });

  it('where a look leaves the unfinished files of others', async () => {
    const mistake = 'a look leaves the unfinished files of others';
    const begin = [...taken.slice(0, -1), 'r1 stands still'];
    const problem = await found('one snapshot', mistake, { budget: { freeze: 1, late: 1 }, begin });
    expect(problem).toContain('after somebody else has looked');
  });

  it('where a settlement does not compare claim and tokens', async () => {
    const mistake = 'a settlement does not compare claim and tokens';
    const problem = await found('one snapshot', mistake, {
      budget: { freeze: 1 },
      begin: [...taken, 'r1 stands still'],
    });
    expect(problem).toContain('settles after somebody else has claimed');
  });

  it('where a silent owner keeps its entries', async () => {
    const mistake = 'a silent owner keeps its entries';
    expect(await found('one snapshot', mistake, { budget: { kill: 1 } })).toContain('has no end');
  });
});

describe('what is not promised', { timeout: 120_000 }, () => {
  it('is that a Python peer which stood still for longer than its lock does no harm: it compares no token', async () => {
    const peer = ['python takes its message', 'python has the lock', 'python reads .info', 'python makes the overlay'];
    const bounds = { budget: { freeze: 1 }, replicas: 1, begin: [...peer, 'python stands still'] };
    const { finding } = await look('a Python peer beside', bounds);
    expect(finding?.problem).toBe('python writes .info without its lock');
  });
});
