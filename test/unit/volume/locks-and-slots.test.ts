import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/poll.ts';
import { fill, locksOf, volumeId, World } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

describe('locks and slots', () => {
  it('waits for locks without using slots', async () => {
    for (const id of ['busy', 'free']) world.volume(id);
    const replica = await world.replica({ slots: 1 });
    const lease = await replica.coordinator.acquire(locksOf('busy'), {
      waitMs: 'forever',
      signal: new AbortController().signal,
    });
    await replica.receive('busy');
    await eventually(() => replica.door.status().some(({ state }) => state === 'locking'));
    const [row] = world.server.tables.entries.values();
    if (row !== undefined) replica.door.runEntry(row);
    await replica.receive('free');
    await eventually(() => world.status('free') === 'available');
    expect(world.status('busy')).toBe('creating');
    expect(replica.coordinator.local().waiting, 'carried once').toHaveLength(1);
    await lease.release();
    await eventually(() => world.status('busy') === 'available');
  });

  it('runs no more at a time than there are slots, and a parked one leaves its slot', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    ids.forEach((id) => world.volume(id));
    let [running, most] = [0, 0];
    const wake: (() => void)[] = [];
    const operation = fill(world, 'r', {
      run: async (_state, scope) => {
        most = Math.max(most, ++running);
        running -= 1;
        await scope.park(() => new Promise<void>((resolve) => wake.push(resolve)));
        most = Math.max(most, ++running);
        await Promise.resolve();
        running -= 1;
      },
    });
    const replica = await world.replica({ slots: 1, operations: [operation] });
    await Promise.all(ids.map((id) => replica.receive(id)));
    await eventually(() => wake.length === ids.length);
    expect(replica.door.status().map(({ state }) => state)).toEqual(ids.map(() => 'parked'));
    wake.forEach((go) => go());
    await eventually(() => world.atRest());
    expect(most).toBe(1);
    expect(ids.map((id) => world.status(id))).toEqual(ids.map(() => 'available'));
  });

  it('takes other locks when the row, read under the claim, names others, and does nothing under the first ones', async () => {
    world.volume('v1');
    world.volume('other');
    let looks = 0;
    const operation = fill(world, 'r', {
      locks: (args) => Promise.resolve(++looks === 1 ? locksOf('other') : locksOf(volumeId(args))),
    });
    const replica = await world.replica({ operations: [operation] });
    await replica.receive('v1', 'm1');
    await eventually(() => world.atRest());
    expect(world.made).toHaveLength(1);
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 2 });
    expect(world.locks.held.size).toBe(0);
  });

  it('stays under its locks when the row, read under the claim, names fewer', async () => {
    world.volume('v1');
    let looks = 0;
    const operation = fill(world, 'r', {
      locks: (args) => {
        const own = locksOf(volumeId(args));
        return Promise.resolve(++looks === 1 ? [...locksOf('other'), ...own] : own);
      },
    });
    const replica = await world.replica({ operations: [operation] });
    await replica.receive('v1', 'm1');
    await eventually(() => world.atRest());
    expect(world.made).toHaveLength(1);
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.locks.held.size).toBe(0);
  });

  it('ends an entry that has nothing left to do', async () => {
    world.volume('v1', { status: 'available' });
    const replica = await world.replica();
    await replica.receive('v1', 'm1');
    await eventually(() => world.atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', detail: 'volume is available' });
    expect(world.server.tables.workers.size).toBe(0);
    expect(world.made).toHaveLength(0);
  });
});
