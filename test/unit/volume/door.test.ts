import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../src/db/database.ts';
import type { NewEntry } from '../../../src/db/ports/custody.ts';
import type { Operation } from '../../../src/volume/operation.ts';
import { eventually } from '../../support/poll.ts';
import { backend, fill, make, request, World } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.stop());

/** Of a message that another replica had. */
function entryOf(volume: string, uniqueId: string): NewEntry {
  const { method, version, wire } = request(volume, uniqueId);
  return { uniqueId, method, version, backend, ...wire, resourceType: 'Volume', resourceId: volume, origin: 'message' };
}

describe('receiving', () => {
  it('runs a request to its end: row, journal, workers row and outbox', async () => {
    world.volume('v1');
    const replica = await world.replica();
    await replica.receive('v1', 'm1');
    await eventually(() => world.atRest());
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
    await eventually(() => world.atRest());
    await one.receive('v1', 'm1');
    await eventually(() => world.atRest());
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
    await eventually(() => world.atRest() && world.status('v1') === 'available');
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
    await eventually(() => world.atRest() && world.status('v1') === 'available');
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
    await eventually(() => world.atRest() && world.status('v1') === 'available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 3 });
  });

  it('drops what can never fit, and refuses it in the journal where another version had let it in', async () => {
    const replica = await world.replica();
    await replica.receive('');
    expect(world.server.tables.entries.size).toBe(0);
    await replica.db.journal.receive([{ ...entryOf('v1', 'm1'), args: { volume: 7 } }], 'gone');
    await eventually(() => world.atRest());
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'refused', claim: 0 });
    expect(world.server.entry('m1')?.detail).toContain('volume');
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
    await eventually(() => world.atRest([second]));
    expect(world.status('v1')).toBe('available');
    expect(world.server.entry('m1')).toMatchObject({ outcome: 'done', claim: 2 });
  });
});
