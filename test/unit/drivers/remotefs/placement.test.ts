import { describe, expect, it } from 'vitest';
import { chooseShare, isEligible, type Candidate } from '../../../../src/drivers/remotefs/placement.ts';

const gib = 1024 ** 3;
const rules = { reservedPercentage: 0, maxOverSubscriptionRatio: 2 };
const share = (location: string, over: Partial<Candidate> = {}): Candidate => ({
  location,
  totalBytes: 10 * gib,
  availableBytes: 10 * gib,
  provisionedGb: 0,
  ...over,
});

describe('the choice of a share', () => {
  it('takes the one with the least promised, of equals the first', () => {
    const shares = [
      share('a', { provisionedGb: 3 }),
      share('b', { provisionedGb: 1 }),
      share('c', { provisionedGb: 1 }),
    ];
    expect(chooseShare({ usable: shares, doubt: undefined }, 1, rules).location).toBe('b');
  });

  it('counts promises, so that two requests at once do not both take the last room', () => {
    expect(isEligible(share('a', { provisionedGb: 14 }), 5, rules)).toBe(true);
    expect(isEligible(share('a', { provisionedGb: 15 }), 5, rules)).toBe(false);
  });

  it('leaves the reserved part free', () => {
    const used = share('a', { availableBytes: 0.5 * gib });
    expect(isEligible(used, 1, rules)).toBe(true);
    expect(isEligible(used, 1, { ...rules, reservedPercentage: 10 })).toBe(false);
  });

  it('survives a share of no size', () => {
    expect(isEligible(share('a', { totalBytes: 0, availableBytes: 0 }), 1, rules)).toBe(false);
  });

  it('says why there is none', () => {
    expect(() => chooseShare({ usable: [], doubt: undefined }, 1, rules)).toThrow('No mounted NFS shares');
    expect(() => chooseShare({ usable: [share('a')], doubt: undefined }, 21, rules)).toThrow('21G');
  });

  it('refuses nobody for lack of room while a share that may have it does not answer', () => {
    const doubt = new Error('statfs: no answer');
    expect(() => chooseShare({ usable: [], doubt }, 1, rules)).toThrow(doubt);
    expect(() => chooseShare({ usable: [share('a')], doubt }, 21, rules)).toThrow(doubt);
    expect(chooseShare({ usable: [share('a')], doubt }, 1, rules).location).toBe('a');
  });
});
