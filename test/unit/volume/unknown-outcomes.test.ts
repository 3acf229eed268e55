import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../src/db/database.ts';
import { CinderError } from '../../../src/domain/exceptions.ts';
import { TimeoutError } from '../../../src/kernel/errors.ts';
import type { Operation } from '../../../src/volume/operation.ts';
import { eventually } from '../../support/poll.ts';
import { fill, make, World, type Replica } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

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
    await eventually(() => world.atRest());
    expect(world.status('v1')).toBe('error');
    expect([...world.server.tables.entries.values()].map(({ outcome }) => outcome)).toEqual(['refused']);
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
    await eventually(() => world.atRest());
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
    await eventually(() => world.atRest() && world.status('v1') === 'available');
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
    await eventually(() => world.atRest() && world.status('v1') === 'available');
  });

  it.each(['lost-after', 'lost-before'] as const)(
    'looks at the journal when the settlement answers nothing: %s',
    async (fault) => {
      world.volume('v1');
      const replica = await world.replica();
      replica.db.fault('transaction', fault);
      await replica.receive('v1', 'm1');
      await eventually(() => world.atRest());
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
    await eventually(() => world.atRest());
    expect(world.made).toHaveLength(1);
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
  });

  it('lets a successor look where settling stays unknown', async () => {
    world.volume('v1');
    const replica = await world.replica();
    replica.db.fault('transaction', 'lost-after');
    replica.db.fault('journal.outcomeOf', 'failed', 5);
    await replica.receive('v1', 'm1');
    await eventually(() => world.atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 1 });
    expect(world.sent).toHaveLength(1);
  });
});
