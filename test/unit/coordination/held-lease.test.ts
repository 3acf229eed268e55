import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaseLostError } from '../../../src/coordination/coordinator.ts';
import { HeldLease } from '../../../src/coordination/held-lease.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import { FakeLock } from './fake-lock.ts';

const marginMs = 100;

/** A lease on one lock per entry of `untilMs`, on a clock and timers that the test moves. */
function held(...untilMs: readonly number[]) {
  const clock = { ms: 0, nowMs: () => clock.ms };
  const locks = untilMs.map((until) => new FakeLock(until));
  let released = 0;
  const names = locks.map((_, index) => lockName(`n${index}`));
  const lease = new HeldLease({
    names,
    locks,
    clock,
    margin: { ms: () => marginMs },
    onReleased: () => (released += 1),
  });
  /** Both clocks go on: nothing is suspended. */
  const pass = (ms: number): void => {
    clock.ms += ms;
    vi.advanceTimersByTime(ms);
  };
  return { clock, locks, lease, pass, released: () => released };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a lease', () => {
  it('is provable until its least proven lock is, minus the margin', () => {
    const { lease } = held(5000, 3000, Infinity);
    expect(lease.provableUntilMs).toBe(2900);
  });

  it('aborts its signal when the proof runs out, and not before', () => {
    const { lease, pass } = held(1000);
    pass(899);
    expect(lease.signal.aborted).toBe(false);
    pass(1);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(lease.provableUntilMs).toBe(-Infinity);
  });

  it('goes on when a renewal was confirmed in between', () => {
    const { lease, locks, pass } = held(1000);
    pass(500);
    locks[0]?.proof.extend(1500);
    pass(800);
    lease.assertHeld();
    pass(100);
    expect(lease.signal.aborted).toBe(true);
  });

  it('never ends by time where only our own end ends the lock', () => {
    const { lease, pass } = held(Infinity);
    pass(1e9);
    lease.assertHeld();
    expect(lease.provableUntilMs).toBe(Infinity);
  });

  it('compares the clock itself in assertHeld, for timers that are late', () => {
    const { lease, clock } = held(1000);
    clock.ms = 900;
    expect(lease.signal.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    expect(lease.signal.aborted).toBe(true);
  });

  it('finds a proof that ran out while the machine slept within a second of waking up', () => {
    const { lease, clock, pass } = held(60_000);
    clock.ms = 3_600_000;
    pass(1000);
    expect(lease.signal.aborted).toBe(true);
  });

  it('is lost at once when the backend says so, and says lost at its release', async () => {
    const { lease, locks } = held(10_000, 10_000);
    locks[1]?.custody.lose('gone');
    expect(lease.signal.aborted).toBe(true);
    expect(() => lease.assertHeld()).toThrow(/n0, n1.*gone/);
    await expect(lease.release()).resolves.toBe('lost');
  });

  it('hears of a loss that was known before it was made', () => {
    const lock = new FakeLock(10_000);
    lock.custody.lose('early');
    const clock = { nowMs: () => 0 };
    const lease = new HeldLease({
      names: [lockName('n')],
      locks: [lock],
      clock,
      margin: { ms: () => marginMs },
      onReleased: () => undefined,
    });
    expect(lease.signal.aborted).toBe(true);
  });

  it('gives back once, however often it is released, and does not abort then', async () => {
    const { lease, locks, released, pass } = held(1000);
    await expect(Promise.all([lease.release(), lease.release()])).resolves.toEqual(['released', 'released']);
    pass(5000);
    expect(locks[0]?.released).toBe(1);
    expect(released()).toBe(1);
    expect(lease.signal.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow('given back');
  });

  it('says lost if the proof had run out before the release, although the backend would not', async () => {
    const { lease, clock } = held(1000);
    clock.ms = 950;
    await expect(lease.release()).resolves.toBe('lost');
  });

  it('is released at the end of its block', async () => {
    const { lease, released } = held(1000);
    await lease[Symbol.asyncDispose]();
    expect(released()).toBe(1);
  });
});

type Step =
  { readonly do: 'pass' | 'sleep' | 'renew'; readonly ms: number } | { readonly do: 'lose' | 'release' | 'assert' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('pass' as const, 'sleep' as const, 'renew' as const), ms: fc.nat(1500) }),
  fc.record({ do: fc.constantFrom('assert' as const, 'assert' as const, 'lose' as const, 'release' as const) }),
);

describe('a lease, whatever happens to it', () => {
  it('is held exactly while it was proven without a gap, not reported lost and not released', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        vi.useFakeTimers();
        const { lease, locks, clock, pass } = held(1000);
        const [lock] = locks;
        let model: 'held' | 'lost' | 'released' = 'held';
        /** The latest instant at which ownership was confirmed, by all renewals that came in time. */
        let provenMs = 1000;
        /** Timers are late once the machine was suspended; then only assertHeld has to be exact. */
        let timersAreLate = false;
        const look = (): void => {
          if (model !== 'held' || clock.ms < provenMs - marginMs) return;
          if (timersAreLate) expect(() => lease.assertHeld()).toThrow(LeaseLostError);
          model = 'lost';
        };
        for (const now of steps) {
          switch (now.do) {
            case 'pass':
              // In small pieces: a real proof runs out at an instant, not at the end of a step.
              for (let left = now.ms; left > 0; left -= 1) {
                pass(1);
                look();
              }
              break;
            case 'sleep':
              timersAreLate = true;
              clock.ms += now.ms;
              look();
              break;
            case 'renew':
              lock?.proof.extend(clock.ms + now.ms);
              provenMs = Math.max(provenMs, clock.ms + now.ms);
              break;
            case 'lose':
              lock?.custody.lose('the model says so');
              if (model === 'held') model = 'lost';
              break;
            case 'release':
              look();
              expect(await lease.release()).toBe(model === 'lost' || lock?.custody.lost === true ? 'lost' : 'released');
              return;
            case 'assert':
              look();
              if (model === 'held') lease.assertHeld();
              else expect(() => lease.assertHeld()).toThrow(LeaseLostError);
              break;
          }
          expect(lease.signal.aborted).toBe(model === 'lost');
        }
      }),
      { numRuns: 300 },
    );
  });
});
