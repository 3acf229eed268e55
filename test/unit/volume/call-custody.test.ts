import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachmentLocks } from '../../../src/coordination/lock-names.ts';
import { LeaseLostError } from '../../../src/coordination/coordinator.ts';
import { DatabaseError } from '../../../src/db/database.ts';
import { CinderError } from '../../../src/domain/exceptions.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import type { CallScope } from '../../../src/volume/call-custody.ts';
import { eventually } from '../../support/poll.ts';
import { World, type Replica } from './replica.ts';

let world: World;
beforeEach(() => {
  world = new World();
  world.volume('v1', { status: 'attaching' });
});
afterEach(() => world.stop());

const names = attachmentLocks('v1');

/** A call as the real ones are: finds what it did before, else does it. */
async function attach({ save }: CallScope): Promise<string> {
  return save(async (db) => {
    const row = await db.volumes.get('v1');
    if (row?.status === 'in-use') return 'found';
    await db.volumes.update('v1', { status: 'in-use' }, { status: 'attaching' });
    return 'done';
  });
}

function call(replica: Replica, signal = AbortSignal.timeout(5_000), work = attach): Promise<string> {
  return replica.custody.calls.locked(names, { signal, log: silentLogger }, work);
}

describe('a call under its locks', () => {
  it('is done by another replica where the first one is killed, and found done where that had committed', async () => {
    for (const [failpoint, answer] of [
      ['call locked', 'done'],
      ['call saved', 'found'],
    ] as const) {
      world.volume('v1', { status: 'attaching' });
      const [one, two] = [await world.replica(), await world.replica()];
      one.killAt(failpoint);
      void call(one).catch(() => undefined);
      await eventually(() => one.passed.includes(failpoint));
      expect(await call(two)).toBe(answer);
      expect(world.status('v1')).toBe('in-use');
    }
  });

  it('has no effect any more when it thaws after its locks went to another, whether it is told or not', async () => {
    for (const notices of [true, false]) {
      world.volume('v1', { status: 'attaching' });
      const [one, two] = [await world.replica(), await world.replica()];
      let runs = 0;
      const { frozen, thaw } = one.freezeAt('call locked', notices);
      const first = call(one, AbortSignal.timeout(5_000), (scope) => {
        runs += 1;
        return attach(scope);
      });
      await frozen;
      expect(await call(two)).toBe('done');
      thaw();
      // It looks again, under locks that are its own.
      expect(await first).toBe('found');
      expect(runs).toBeGreaterThan(0);
    }
  });

  it('runs one after the other', async () => {
    const [one, two] = [await world.replica(), await world.replica()];
    const answers = await Promise.all([call(one), call(two)]);
    expect(answers.toSorted()).toEqual(['done', 'found']);
  });

  it('does again what ended in doubt, and answers what is definite', async () => {
    const replica = await world.replica();
    const ends = [
      new DatabaseError('answer lost', { outcome: 'unknown' }),
      new DatabaseError('away', { outcome: 'not-started' }),
      new LeaseLostError(names, 'gone'),
    ];
    const doubtful = (scope: CallScope): Promise<string> => {
      const end = ends.shift();
      return end === undefined ? attach(scope) : Promise.reject(end);
    };
    expect(await call(replica, undefined, doubtful)).toBe('done');
    for (const end of [
      new CinderError('InvalidVolume', { reason: 'no' }),
      new DatabaseError('duplicate key', { outcome: 'failed', answer: { code: '23505', means: 'refusal' } }),
      new TypeError('a bug'),
    ]) {
      let runs = 0;
      const definite = (): Promise<string> => Promise.reject(((runs += 1), end));
      await expect(call(replica, undefined, definite)).rejects.toBe(end);
      expect(runs).toBe(1);
    }
  });

  it('does again what the loss of its locks cut short, in whatever words that is told', async () => {
    const replica = await world.replica();
    let runs = 0;
    const cutShort = (scope: CallScope): Promise<string> => {
      runs += 1;
      if (runs > 1) return attach(scope);
      world.dropLocks(replica.id, true);
      throw new CinderError('VolumeBackendAPIException', { data: 'given up' }, { outcome: 'failed' });
    };
    expect(await call(replica, undefined, cutShort)).toBe('done');
  });

  it('waits for its locks no longer than its caller waits for it, and leaves nothing behind', async () => {
    const replica = await world.replica();
    const held = await replica.coordinator.acquire(names, { waitMs: 'forever', signal: AbortSignal.timeout(5_000) });
    const patience = new AbortController();
    const waiting = call(replica, patience.signal);
    await eventually(() => replica.coordinator.local().waiting.length > 0);
    patience.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
    await held.release();
    expect(replica.coordinator.local()).toEqual({ held: [], waiting: [] });
    expect(world.status('v1')).toBe('attaching');
  });

  it('sends what it has told of with its commit, and nothing of a commit that was not', async () => {
    const replica = await world.replica();
    const message = {
      ...{ uniqueId: 'm', kind: 'notification' as const, topic: 't', server: null, payload: {} },
    };
    const failing = call(replica, undefined, ({ save }) =>
      save(async (_db, tell) => {
        await tell([message]);
        throw new CinderError('InvalidVolume', { reason: 'no' });
      }),
    );
    await expect(failing).rejects.toThrow('no');
    await call(replica, undefined, ({ save }) =>
      save(async (_db, tell) => {
        await tell([{ ...message, uniqueId: 'n' }]);
        return '';
      }),
    );
    await eventually(() => world.sent.length > 0);
    expect(world.sent.map(({ uniqueId }) => uniqueId)).toEqual(['n']);
  });
});
