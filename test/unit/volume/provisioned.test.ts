import { expect, it } from 'vitest';
import { Provisioned } from '../../../src/volume/provisioned.ts';

function rows() {
  let nowMs = 0;
  const reads: string[][] = [];
  let next = (): Promise<ReadonlyMap<string, number>> => Promise.resolve(new Map([['srv:/a', 10]]));
  const volumes = {
    provisionedByLocation: (locations: readonly string[]) => {
      reads.push([...locations]);
      return next();
    },
  };
  return {
    provisioned: new Provisioned(volumes, { nowMs: () => nowMs }),
    reads,
    advance: (ms: number) => (nowMs += ms),
    answer: (by: typeof next) => (next = by),
  };
}

it('adds the rows up once for many who ask, and knows what was placed here since', async () => {
  const { provisioned, reads, advance } = rows();
  const first = await Promise.all([1, 2, 3].map(() => provisioned.byLocation(['srv:/a'])));
  await provisioned.placed('srv:/a', 5);
  await provisioned.placed('srv:/b', 1);
  advance(999);
  expect(Object.fromEntries(await provisioned.byLocation(['srv:/a']))).toEqual({ 'srv:/a': 15, 'srv:/b': 1 });
  expect(first).toHaveLength(3);
  expect(reads).toHaveLength(1);
});

it('adds them up anew when the sums are old, and for other shares', async () => {
  const { provisioned, reads, advance } = rows();
  await provisioned.byLocation(['srv:/a']);
  await provisioned.placed('srv:/a', 5);
  advance(1_000);
  expect(await provisioned.byLocation(['srv:/a'])).toEqual(new Map([['srv:/a', 10]]));
  await provisioned.byLocation(['srv:/a', 'srv:/b']);
  expect(reads).toEqual([['srv:/a'], ['srv:/a'], ['srv:/a', 'srv:/b']]);
});

it('keeps sums longer where adding up takes long', async () => {
  const { provisioned, reads, advance, answer } = rows();
  answer(() => {
    advance(500);
    return Promise.resolve(new Map());
  });
  await provisioned.byLocation(['srv:/a']);
  advance(9_999);
  await provisioned.byLocation(['srv:/a']);
  expect(reads).toHaveLength(1);
});

it('keeps no failure', async () => {
  const { provisioned, answer } = rows();
  answer(() => Promise.reject(new Error('away')));
  await expect(provisioned.byLocation(['srv:/a'])).rejects.toThrow('away');
  await provisioned.placed('srv:/a', 1);
  answer(() => Promise.resolve(new Map()));
  expect(await provisioned.byLocation(['srv:/a'])).toEqual(new Map());
});
