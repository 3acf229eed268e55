import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaseMargin } from '../../../src/coordination/lease-margin.ts';

/** A loop whose next readings are given. */
function lateBy(...readings: number[]) {
  return { start: vi.fn(), stop: vi.fn(), read: () => ({ meanMs: 0, p99Ms: 0, maxMs: readings.shift() ?? 0 }) };
}

describe('the margin of leases', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('grows with the lateness of the main loop, up to its limit, and shrinks again', () => {
    const margin = new LeaseMargin({ baseMs: 1000, mostMs: 7500, loop: lateBy(400, 60_000, 0) });
    expect(margin.ms()).toBe(1000);
    margin.start();
    expect(margin.ms()).toBe(1000);
    vi.advanceTimersByTime(15_000);
    expect(margin.ms()).toBe(1400);
    vi.advanceTimersByTime(15_000);
    expect(margin.ms()).toBe(7500);
    vi.advanceTimersByTime(15_000);
    expect(margin.ms()).toBe(1000);
  });

  it('measures nothing once it is stopped', () => {
    const loop = lateBy(400);
    const margin = new LeaseMargin({ baseMs: 0, mostMs: 100, loop });
    margin.start();
    margin.stop();
    vi.advanceTimersByTime(60_000);
    expect(margin.ms()).toBe(0);
    expect(loop.stop).toHaveBeenCalled();
  });

  it('shows the stall of a real loop', () => {
    vi.useRealTimers();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const margin = new LeaseMargin({ baseMs: 0, mostMs: 10_000 });
    margin.start();
    return new Promise<void>((resolve) => setTimeout(resolve, 60)).then(async () => {
      const until = performance.now() + 300;
      while (performance.now() < until);
      await new Promise<void>((resolve) => setTimeout(resolve, 60));
      vi.advanceTimersByTime(15_000);
      expect(margin.ms()).toBeGreaterThan(200);
      expect(margin.ms()).toBeLessThan(10_000);
      margin.stop();
    });
  });
});
