import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoundedCache } from '../../../src/http/bounded-cache.ts';

describe('bounded cache', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('answers many askers by one look, and again by another when it is stale', async () => {
    let looks = 0;
    const cache = new BoundedCache({ what: 'x', look: () => ++looks, freshMs: 1000 });
    expect(await Promise.all([cache.get(), cache.get(), cache.get()])).toEqual([1, 1, 1]);
    await vi.advanceTimersByTimeAsync(999);
    expect(await cache.get()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await cache.get()).toBe(2);
  });

  it('waits once for a look that hangs, never starts a second one beside it, and recovers', async () => {
    let looks = 0;
    let aborted = false;
    let release: (value: string) => void = () => undefined;
    const look = (signal: AbortSignal): Promise<string> => {
      looks += 1;
      signal.addEventListener('abort', () => (aborted = true));
      return looks === 1 ? new Promise((resolve) => (release = resolve)) : Promise.resolve('fresh');
    };
    const cache = new BoundedCache({ what: 'database', look, deadlineMs: 2000 });
    const first = expect(cache.get()).rejects.toThrow('database: no answer within 2000 ms');
    await vi.advanceTimersByTimeAsync(1500);
    const late = expect(cache.get()).rejects.toThrow('no answer');
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all([first, late]);
    expect(aborted).toBe(true);
    await expect(cache.get()).rejects.toThrow('no answer');
    expect(looks).toBe(1);
    release('late');
    await vi.advanceTimersByTimeAsync(0);
    expect(await cache.get()).toBe('late');
    await vi.advanceTimersByTimeAsync(1000);
    expect(await cache.get()).toBe('fresh');
  });

  it('keeps no failure', async () => {
    const outcomes = [Promise.reject(new Error('down')), Promise.resolve('up')];
    outcomes[0]?.catch(() => undefined);
    const cache = new BoundedCache({ what: 'x', look: () => outcomes.shift() ?? Promise.resolve('more') });
    await expect(cache.get()).rejects.toThrow('down');
    expect(await cache.get()).toBe('up');
  });
});
