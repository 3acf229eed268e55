import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../src/db/database.ts';
import type { NewEntry } from '../../../src/db/ports/custody.ts';
import { CinderError } from '../../../src/domain/exceptions.ts';
import { TimeoutError } from '../../../src/kernel/errors.ts';
import type { Operation } from '../../../src/volume/operation.ts';
import { eventually } from '../../support/poll.ts';
import { backend, fill, locksOf, make, request, volumeId, World, type Replica } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

/** Everything has ended: no entry is unfinished, nobody carries one, nothing waits in the outbox, no lock is held. */
function atRest(replicas: readonly Replica[] = world.replicas): boolean {
  const { entries, outbox } = world.server.tables;
  return (
    [...entries.values()].every(({ outcome }) => outcome !== null) &&
    outbox.size === 0 &&
    replicas.every(({ door }) => door.status().length === 0)
  );
}

/** Of a message that another replica had. */
function entryOf(volume: string, uniqueId: string): NewEntry {
  const { method, version, wire } = request(volume, uniqueId);
  return { uniqueId, method, version, backend, ...wire, resourceType: 'Volume', resourceId: volume, origin: 'message' };
}

function outcomes(): readonly (string | null)[] {
  return [...world.server.tables.entries.values()].map(({ outcome }) => outcome);
}

describe('receiving', () => {
  it('runs a request to its end: row, journal, workers row and outbox', async () => {
    world.volume('v1');
    const replica = await world.replica();
    await replica.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.status('v1')).toBe('available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.server.tables.workers.size).toBe(0);
    expect(world.sent).toHaveLength(1);
  });

  it('journals requests that arrive together by one INSERT', async () => {
    const replica = await world.replica({ background: false });
    await Promise.all(Array.from({ length: 50 }, (_, index) => replica.receive(`v${index}`)));
    expect(world.server.inserts).toEqual([50]);
  });

  it('runs a message that comes twice once, here and on another replica', async () => {
    world.volume('v1');
    const [one, two] = [await world.replica(), await world.replica()];
    await Promise.all([one.receive('v1', 'm1'), one.receive('v1', 'm1'), two.receive('v1', 'm1')]);
    await eventually(() => atRest());
    await one.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.made).toHaveLength(1);
    expect(world.sent).toHaveLength(1);
  });

  it('keeps the message un-acked while the database is away', async () => {
    const replica = await world.replica();
    replica.db.down = true;
    await expect(replica.receive('v1')).rejects.toThrow(DatabaseError);
    replica.db.down = false;
  });

  it('does not let one entry that the database refuses take the others with it', async () => {
    world.volume('v1');
    world.volume('v2');
    const replica = await world.replica();
    replica.db.fault('journal.receive', 'failed', 2);
    const results = await Promise.allSettled([replica.receive('v1'), replica.receive('v2')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await eventually(() => world.status('v2') === 'available');
  });

  it('runs an entry whose INSERT was committed although the answer got lost', async () => {
    world.volume('v1');
    const replica = await world.replica();
    replica.db.fault('journal.receive', 'lost-after');
    await expect(replica.receive('v1', 'm1')).rejects.toThrow('connection lost');
    await eventually(() => atRest() && world.status('v1') === 'available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
  });

  it('runs an entry whose INSERT the server carries out after we have looked for it', async () => {
    for (const volume of ['v1', 'v2']) world.volume(volume);
    const replica = await world.replica({ timings: { reconcileIntervalMs: 30 } });
    replica.db.fault('journal.receive', 'late');
    await expect(replica.receive('v1', 'm1')).rejects.toThrow('connection lost');
    // Taken over by a turn that began after the look.
    await replica.db.journal.receive([entryOf('v2', 'm2')], 'gone');
    await eventually(() => world.status('v2') === 'available');
    await replica.db.land();
    await replica.receive('v1', 'm1');
    await eventually(() => atRest() && world.status('v1') === 'available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
  });

  it('carries on an entry that its own late claim has taken from the successor', async () => {
    world.volume('v1');
    // Once it is given back, the second one is to have it.
    const takesNothingOver = { ready: () => false, timings: { reconcileIntervalMs: 30 } };
    const [first, second] = [await world.replica(takesNothingOver), await world.replica()];
    const { frozen, thaw } = second.freezeAt('loaded', true);
    first.db.fault('journal.claim', 'late');
    await first.receive('v1', 'm1');
    await frozen;
    await first.db.land();
    expect(world.server.entry('m1')).toMatchObject({ owner: first.id, claim: 2 });
    thaw();
    await eventually(() => atRest() && world.status('v1') === 'available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 3 });
  });

  it('drops what can never fit, and refuses it in the journal where another version had let it in', async () => {
    const replica = await world.replica();
    await replica.receive('');
    expect(world.server.tables.entries.size).toBe(0);
    await replica.db.journal.receive([{ ...entryOf('v1', 'm1'), args: { volume: 7 } }], 'gone');
    await eventually(() => atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'refused', claim: 0 });
    expect(world.server.entry('m1')?.detail).toContain('volume');
  });
});

describe('unknown outcomes', () => {
  const failing = (replica: string, error: () => Error | null): Operation =>
    fill(world, replica, {
      run: async (state, scope) => {
        const thrown = error();
        if (thrown !== null) throw thrown;
        await make(world, replica, (state as { id: string }).id, scope);
      },
    });

  it('settles a definite error as refused', async () => {
    world.volume('v1');
    const error = new CinderError('VolumeNotFound', { volume_id: 'v1' });
    const replica = await world.replica({ operations: [failing('r', () => error)] });
    await replica.receive('v1');
    await eventually(() => atRest());
    expect(world.status('v1')).toBe('error');
    expect(outcomes()).toEqual(['refused']);
  });

  it.each([
    ['a time-out', new TimeoutError('share', 1)],
    ['a bug', new TypeError('x is not a function')],
    ['the database', new DatabaseError('away', { outcome: 'not-started' })],
  ])('gives back after %s, and ends it by another try', async (_what, error) => {
    world.volume('v1');
    let tries = 0;
    const replica = await world.replica({ operations: [failing('r', () => (++tries < 4 ? error : null))] });
    await replica.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.status('v1')).toBe('available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 4 });
  });

  it('does not turn in a circle: each try waits longer, and the entry is shown with its error', async () => {
    world.volume('v1');
    let tries = 0;
    const hopeless = failing('r', () => {
      tries += 1;
      return new TimeoutError('share', 1);
    });
    const timings = { retryInitialMs: 100, retryMaxMs: 60_000, takeoverIntervalMs: 2 };
    const replica = await world.replica({ operations: [hopeless], timings });
    await replica.receive('v1');
    const shown = await eventually(() => replica.door.status().find(({ attempts }) => attempts >= 1));
    expect(shown).toMatchObject({ state: 'pausing', lastError: 'share: no answer within 1 ms' });
    const since = performance.now();
    await eventually(() => tries >= 3);
    expect(performance.now() - since).toBeGreaterThan(90);
    expect(tries).toBe(3);
  });

  it('runs an entry again that was handed to it while it was giving it back', async () => {
    world.volume('v1');
    let tries = 0;
    const operation = failing('r', () => {
      tries += 1;
      if (tries > 1) return null;
      const [row] = world.server.tables.entries.values();
      if (row !== undefined) replica.door.runEntry(row);
      return new Error('odd');
    });
    // Without take-over nobody else would ever run it.
    const replica: Replica = await world.replica({ operations: [operation], background: false });
    await replica.receive('v1');
    await eventually(() => atRest() && world.status('v1') === 'available');
  });

  it('goes on here when giving back fails', async () => {
    world.volume('v1');
    let tries = 0;
    const replica = await world.replica({
      operations: [failing('r', () => (++tries < 2 ? new Error('odd') : null))],
      background: false,
    });
    replica.db.fault('journal.giveBack', 'lost-before');
    await replica.receive('v1');
    await eventually(() => atRest() && world.status('v1') === 'available');
  });

  it.each(['lost-after', 'lost-before'] as const)(
    'looks at the journal when the settlement answers nothing: %s',
    async (fault) => {
      world.volume('v1');
      const replica = await world.replica();
      replica.db.fault('transaction', fault);
      await replica.receive('v1', 'm1');
      await eventually(() => atRest());
      expect(world.status('v1')).toBe('available');
      expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
      // Seen through by the first runner: nothing was given back for somebody to look at.
      expect(replica.passed).toContain('settled');
      expect(replica.passed.filter((step) => step === 'locked')).toHaveLength(1);
      expect(world.made).toHaveLength(1);
      expect(world.sent).toHaveLength(1);
    },
  );

  it('settles again, without doing the steps again, when the database is away for a moment', async () => {
    world.volume('v1');
    const replica = await world.replica();
    replica.db.fault('transaction', 'failed', 2);
    await replica.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.made).toHaveLength(1);
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
  });

  it('lets a successor look where settling stays unknown', async () => {
    world.volume('v1');
    const replica = await world.replica();
    replica.db.fault('transaction', 'lost-after');
    replica.db.fault('journal.outcomeOf', 'failed', 5);
    await replica.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.sent).toHaveLength(1);
  });
});

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
    await eventually(() => atRest());
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
    await eventually(() => atRest());
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
    await eventually(() => atRest());
    expect(world.made).toHaveLength(1);
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.locks.held.size).toBe(0);
  });

  it('ends an entry that has nothing left to do', async () => {
    world.volume('v1', { status: 'available' });
    const replica = await world.replica();
    await replica.receive('v1', 'm1');
    await eventually(() => atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', detail: 'volume is available' });
    expect(world.server.tables.workers.size).toBe(0);
    expect(world.made).toHaveLength(0);
  });
});

describe('draining', () => {
  const block = (replica: string, until: Promise<void>): Operation =>
    fill(world, replica, {
      run: async (state, scope) => {
        await Promise.race([
          until,
          new Promise((_, reject) => {
            scope.signal.addEventListener('abort', () => reject(scope.signal.reason as Error), { once: true });
          }),
        ]);
        await make(world, replica, (state as { id: string }).id, scope);
      },
    });

  it('takes nothing more, gives back what waits, and lets steps end', async () => {
    for (const id of ['runs', 'waits']) world.volume(id);
    let go = (): void => undefined;
    const blocked = new Promise<void>((resolve) => (go = resolve));
    const replica = await world.replica({ slots: 1, background: false, operations: [block('r', blocked)] });
    await replica.receive('runs', 'm1');
    await eventually(() => replica.door.status().some(({ state }) => state === 'running'));
    await replica.receive('waits', 'm2');
    await eventually(() => replica.door.status().some(({ state }) => state === 'queued'));
    const drained = replica.door.drain(new AbortController().signal);
    await expect(replica.receive('more')).rejects.toThrow('takes no requests');
    await eventually(() => world.server.entry('m2')?.owner === null);
    expect(world.server.entry('m2')?.claim).toBe(0);
    go();
    await drained;
    expect(world.server.entry('m1')?.outcome).toBe('done');
    expect(world.locks.held.size).toBe(0);
  });

  it('gives back what runs when the grace ends, and another replica ends it', async () => {
    world.volume('v1');
    const forever = new Promise<void>(() => undefined);
    const first = await world.replica({ operations: [block('first', forever)] });
    await first.receive('v1', 'm1');
    await eventually(() => first.door.status().some(({ state }) => state === 'running'));
    const second = await world.replica();
    await first.door.drain(AbortSignal.abort());
    expect(first.door.status()).toEqual([]);
    await eventually(() => atRest([second]));
    expect(world.status('v1')).toBe('available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 2 });
  });
});
