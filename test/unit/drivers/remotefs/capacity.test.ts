import { describe, expect, it } from 'vitest';
import { Capacity } from '../../../../src/drivers/remotefs/capacity.ts';
import type { RemoteFsParts } from '../../../../src/drivers/remotefs/parts.ts';
import { ShareError } from '../../../../src/drivers/share/share-error.ts';
import type { Outcome } from '../../../../src/kernel/errors.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import { eventually } from '../../../support/poll.ts';

const room = { totalBytes: 100, availableBytes: 50 };
const silence = (outcome: Outcome): ShareError =>
  new ShareError('statfs', { code: 'HELPER', message: 'no answer', outcome });

/** Shares whose statfs ends so. */
function capacityOf(ends: Readonly<Record<string, Outcome | 'well' | (() => Promise<object>)>>): Capacity {
  const statfs = (dir: string): Promise<object> => {
    const end = ends[dir] ?? 'well';
    if (typeof end === 'function') return end();
    return end === 'well' ? Promise.resolve(room) : Promise.reject(silence(end));
  };
  return new Capacity({
    share: { call: (_verb: string, { dir }: { dir: string }) => statfs(dir) },
    mounts: {
      shares: () => Object.keys(ends).map((location) => ({ location })),
      ensure: () => Promise.resolve(),
      folderOf: (location: string) => location,
    },
    clock: { nowMs: () => 0 },
    log: silentLogger,
  } as unknown as RemoteFsParts);
}

const guard = { signal: new AbortController().signal, provableUntilMs: () => Infinity };

describe('the shares that can be used', () => {
  it('leave a doubt where one of the others does not answer, and none where it is refused', async () => {
    const some = await capacityOf({ a: 'well', b: 'unknown', c: 'failed' }).candidates(new Map(), guard);
    expect(some.usable.map(({ location }) => location)).toEqual(['a']);
    expect(some.doubt).toMatchObject({ outcome: 'unknown' });
    expect(await capacityOf({ a: 'well', c: 'failed' }).candidates(new Map(), guard)).toMatchObject({
      doubt: undefined,
    });
  });

  it('are found at once beside one that hangs, which is asked by one at a time and counts again when it answers', async () => {
    const asked: { resolve: (found: object) => void; reject: (error: Error) => void }[] = [];
    const ask = (): Promise<object> => new Promise((resolve, reject) => asked.push({ resolve, reject }));
    const capacity = capacityOf({ a: 'well', b: ask });
    const look = () => capacity.candidates(new Map(), guard);
    const usable = async () => (await look()).usable.map(({ location }) => location);
    const [first, second] = [usable(), usable()];
    await eventually(() => asked.length > 0);
    asked[0]?.reject(silence('unknown'));
    expect([await first, await second]).toEqual([['a'], ['a']]);
    for (let times = 0; times < 3; times++) {
      const { usable: others, doubt } = await look();
      expect([others.map(({ location }) => location), doubt]).toEqual([['a'], silence('unknown')]);
    }
    expect(asked).toHaveLength(2);
    asked[1]?.resolve(room);
    await eventually(async () => (await usable()).includes('b'));
    expect(asked).toHaveLength(2);
  });

  it('are waited for by a report, whatever was the last time', async () => {
    const ends: Promise<object>[] = [Promise.reject(silence('unknown')), Promise.resolve(room)];
    const capacity = capacityOf({ b: () => ends.shift() ?? Promise.reject(new Error('asked too often')) });
    const problems: unknown[] = [];
    for (let times = 0; times < 2; times++) {
      const { shares } = await capacity.report(new Map(), guard);
      problems.push(shares.map(({ problem }) => problem));
    }
    expect(problems).toEqual([['statfs: no answer'], [undefined]]);
  });
});
