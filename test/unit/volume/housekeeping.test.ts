import { describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { defaultTimings, type CustodyOptions } from '../../../src/volume/custody-options.ts';
import { Housekeeping } from '../../../src/volume/housekeeping.ts';

describe('housekeeping', () => {
  it('removes old entries, old tokens and processes that were killed, until few are left', async () => {
    vi.useFakeTimers();
    const purged: string[] = [];
    const left = new Map([['incarnations', 1_001]]);
    const purge = (what: string) => (_ageMs: number, limit: number) => {
      purged.push(what);
      const count = Math.min(limit, left.get(what) ?? 0);
      left.set(what, (left.get(what) ?? 0) - count);
      return Promise.resolve(count);
    };
    const tables = ['journal', 'incarnations', 'fence'].map((what) => [what, { purge: purge(what) }]);
    const given = { db: Object.fromEntries(tables) as unknown, timings: defaultTimings, log: silentLogger };
    const housekeeping = new Housekeeping(given as CustodyOptions);
    try {
      await housekeeping.start();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(purged).toEqual(['journal', 'incarnations', 'incarnations', 'fence']);
    } finally {
      await housekeeping.stop({ force: AbortSignal.abort() });
      vi.useRealTimers();
    }
  });
});
