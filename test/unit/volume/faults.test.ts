import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockNames } from '../../../src/coordination/lock-names.ts';
import { eventually } from '../../support/poll.ts';
import { World, type Replica } from './replica.ts';

/** Every place between two steps of an entry's way, as `door.ts` and its parts name them. */
const steps = [
  'journalled',
  'locked',
  'slot',
  'claimed',
  'loaded',
  'commit:make',
  'committing:make',
  'ran',
  'settled',
  'released',
  'sending',
] as const;

let worlds: World[] = [];
beforeEach(() => {
  worlds = [];
});
afterEach(() => Promise.all(worlds.map((world) => world.stop())));

function newWorld(): World {
  const world = new World();
  world.volume('v1');
  worlds.push(world);
  return world;
}

function isOver(world: World): boolean {
  return world.server.entry('m1')?.outcome === 'done' && world.server.tables.outbox.size === 0;
}

/** The end state that every run must reach, whoever was stopped where. */
function expectOneEnd(world: World, at: string): void {
  expect(world.status('v1'), at).toBe('available');
  expect(world.server.entry('m1'), at).toMatchObject({ outcome: 'done', detail: null });
  expect(world.server.tables.entries.size, at).toBe(1);
  expect(world.server.tables.workers.size, at).toBe(0);
  // Sent twice at most as the same message: its id is fixed in the settlement.
  expect(new Set(world.sent.map(({ uniqueId }) => uniqueId)).size, at).toBe(1);
}

/** What a broker does with a message whose receiver died before the ack. */
function redeliver(to: Replica): Promise<void> {
  return to.receive('v1', 'm1');
}

describe('a replica is killed', () => {
  it('at any step: another one ends the entry', async () => {
    const runs = steps.map(async (step) => {
      const world = newWorld();
      const [first, second] = [await world.replica({ background: false }), await world.replica()];
      first.killAt(step);
      void first.receive('v1', 'm1');
      await eventually(() => world.server.entry('m1') !== undefined);
      await redeliver(second);
      await eventually(() => isOver(world), { what: `the end after ${step}` });
      expect(first.passed, step).toContain(step);
      expectOneEnd(world, step);
    });
    await Promise.all(runs);
  });

  it('and its successor as well, at any two steps: a third one ends the entry', async () => {
    const cells = steps.flatMap((one) => ['adopted', ...steps.slice(1)].map((two) => [one, two] as const));
    const runs = cells.map(async ([one, two]) => {
      const world = newWorld();
      const [first, second] = [await world.replica({ background: false }), await world.replica()];
      first.killAt(one);
      second.killAt(two);
      void first.receive('v1', 'm1');
      // The second may have nothing left to do (the first was killed after its end) and then lives on.
      await eventually(() => isOver(world) || second.passed.includes(two), { timeoutMs: 15_000 });
      await world.replica();
      await eventually(() => isOver(world), { what: `the end after ${one} and ${two}`, timeoutMs: 15_000 });
      expectOneEnd(world, `${one}, ${two}`);
    });
    await Promise.all(runs);
  });

  it('before its message was journalled: nothing is known of it, and the redelivered one is run', async () => {
    const world = newWorld();
    const [first, second] = [await world.replica(), await world.replica()];
    first.kill();
    void first.receive('v1', 'm1');
    await redeliver(second);
    await eventually(() => isOver(world));
    expectOneEnd(world, 'before the journal');
  });
});

describe('a replica freezes and its locks go to another', () => {
  const frozenSteps = steps.filter((step) => !['journalled', 'released', 'sending'].includes(step));
  const cells = frozenSteps.flatMap((step) => [true, false].map((notices) => ({ step, notices })));

  it('at any step, whether its lease notices or not: what it does after thawing has no effect', async () => {
    const runs = cells.map(async ({ step, notices }) => {
      const at = `${step}, ${notices ? 'noticed' : 'unnoticed'}`;
      const world = newWorld();
      const [first, second] = [await world.replica({ background: false }), await world.replica()];
      const { frozen, thaw } = first.freezeAt(step, notices);
      void first.receive('v1', 'm1');
      await frozen;
      await redeliver(second);
      await eventually(() => isOver(world), { what: `the end by the successor after ${at}` });
      const made = world.made.length;
      thaw();
      await eventually(() => first.door.status().length === 0, { what: `the end of the thawed one after ${at}` });
      await eventually(() => isOver(world));
      expectOneEnd(world, at);
      const late = world.made.slice(made);
      // One system call that was already decided: its file carries the predecessor's tag, by which it is known.
      expect(late.length, at).toBe(step === 'committing:make' ? 1 : 0);
      const tags = world.made.filter(({ replica }) => replica === second.id).map(({ tag }) => tag);
      for (const { tag } of late) expect(tags, at).not.toContain(tag);
    });
    await Promise.all(runs);
  });

  it('before its claim: the successor waits for nothing, and the thawed one finds the entry ended', async () => {
    const world = newWorld();
    const [first, second] = [await world.replica({ background: false }), await world.replica()];
    const { frozen, thaw } = first.freezeAt('slot', false);
    void first.receive('v1', 'm1');
    await frozen;
    await redeliver(second);
    await eventually(() => isOver(world));
    thaw();
    await eventually(() => first.door.status().length === 0);
    expect(world.server.entry('m1')).toMatchObject({ claim: 1 });
  });
});

describe('an owner that is only silent', () => {
  it('keeps its entry: who takes it over waits at the lock and claims nothing', async () => {
    const world = newWorld();
    const [first, second] = [await world.replica({ background: false }), await world.replica()];
    // The lock stays with it: only its heartbeat and its statements stand still.
    const names = [lockNames.deleteVolume('v1'), lockNames.driverVolume('nfs', 'v1')];
    const lease = await first.coordinator.acquire(names, { waitMs: 'forever', signal: new AbortController().signal });
    void first.receive('v1', 'm1');
    await eventually(() => world.server.entry('m1') !== undefined);
    first.db.freeze();
    await eventually(() => second.door.status().some(({ state }) => state === 'locking'));
    expect(world.server.entry('m1')).toMatchObject({ owner: second.id, claim: 0, outcome: null });
    first.db.thaw();
    await lease.release();
    await eventually(() => isOver(world));
    expect(world.server.entry('m1')).toMatchObject({ claim: 1 });
    expectOneEnd(world, 'silent');
  });
});

describe('an incarnation', () => {
  it('that was taken for dead for long comes back: registered again, and serving', async () => {
    const world = newWorld();
    const replica = await world.replica();
    world.server.tables.beats.delete(replica.id);
    await eventually(() => world.server.tables.beats.has(replica.id));
    await replica.receive('v1', 'm1');
    await eventually(() => isOver(world));
    expectOneEnd(world, 'come back');
  });
});

describe('a replica whose driver is not set up', () => {
  it("takes up nobody's work until it is", async () => {
    const world = newWorld();
    let ready = false;
    const [first, second] = [
      await world.replica({ background: false }),
      await world.replica({ ready: () => ready, timings: { takeoverIntervalMs: 5 } }),
    ];
    first.killAt('claimed');
    void first.receive('v1', 'm1');
    await eventually(() => first.passed.includes('claimed'));
    // Long enough for the owner to be presumed dead, and for many looks.
    await expect(eventually(() => second.door.status().length > 0, { timeoutMs: 400 })).rejects.toThrow();
    ready = true;
    await eventually(() => isOver(world));
    expectOneEnd(world, 'ready at last');
  });
});
