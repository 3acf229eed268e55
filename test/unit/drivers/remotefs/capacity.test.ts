import { describe, expect, it } from 'vitest';
import { Capacity } from '../../../../src/drivers/remotefs/capacity.ts';
import type { RemoteFsParts } from '../../../../src/drivers/remotefs/parts.ts';
import { ShareError } from '../../../../src/drivers/share/share-error.ts';
import type { Outcome } from '../../../../src/kernel/errors.ts';
import { silentLogger } from '../../../../src/log/logger.ts';

/** Shares whose statfs ends so. */
function capacityOf(ends: Readonly<Record<string, Outcome | 'well'>>): Capacity {
  const statfs = (dir: string): Promise<object> => {
    const end = ends[dir] ?? 'well';
    if (end === 'well') return Promise.resolve({ totalBytes: 100, availableBytes: 50 });
    return Promise.reject(new ShareError('statfs', { code: 'HELPER', message: 'no answer', outcome: end }));
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
});
