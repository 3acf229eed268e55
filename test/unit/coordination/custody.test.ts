import { describe, expect, it } from 'vitest';
import { Custody } from '../../../src/coordination/lock-backend.ts';

describe('a lock that is given back', () => {
  const noAnswer = (): Promise<boolean> => Promise.reject(new Error('connection reset'));
  const proven = (untilMs: number): Custody => {
    const custody = new Custody();
    custody.proof.extend(untilMs);
    return custody;
  };

  it('was ours where its service says so', async () => {
    const clock = { nowMs: () => 5 };
    expect(await proven(10).release(clock, () => Promise.resolve(true))).toBe('released');
    expect(await proven(10).release(clock, () => Promise.resolve(false))).toBe('lost');
  });

  it('was ours where its service does not answer before the proof has run out', async () => {
    expect(await proven(10).release({ nowMs: () => 9 }, noAnswer)).toBe('released');
    expect(await proven(10).release({ nowMs: () => 10 }, noAnswer)).toBe('lost');
  });

  it('was not ours where it was lost before', async () => {
    const [told, silent] = [proven(10), proven(10)];
    for (const custody of [told, silent]) custody.lose('its key is gone');
    expect(await told.release({ nowMs: () => 5 }, () => Promise.resolve(true))).toBe('lost');
    expect(await silent.release({ nowMs: () => 5 }, noAnswer)).toBe('lost');
  });

  it('is not proven any more from then on', async () => {
    const custody = proven(10);
    await custody.release({ nowMs: () => 5 }, () => {
      expect(custody.proof.untilMs()).toBeLessThan(5);
      return Promise.resolve(true);
    });
    expect.assertions(1);
  });
});
