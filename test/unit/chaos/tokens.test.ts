import { describe, expect, it } from 'vitest';
import type { TracedStep } from '../../../src/dev/failpoints.ts';
import { ownersAtOnce } from '../../chaos/tokens.ts';

let now = 0;
const step = (name: string, entry: string, token: number, lock = 'volume'): TracedStep => {
  const tokens = { [lock]: String(token) };
  return { atMs: (now += 1), pid: 1, step: name, entry, claim: token, tokens };
};

describe('the history of commit points by token', () => {
  const orderly = [
    step('claimed', '1', 5),
    step('committing:volume-file', '1', 5),
    step('settled', '1', 5),
    step('claimed', '2', 6),
    step('committing:delete-volume', '2', 6),
    step('settled', '2', 6),
  ];

  it('has nothing to say of owners that follow one another', () => {
    expect(ownersAtOnce(orderly, false)).toEqual([]);
    expect(ownersAtOnce([step('claimed', '3', 1, 'other'), ...orderly], true)).toEqual([]);
  });

  it('finds a predecessor that settles after its successor has claimed', () => {
    const trace = [step('claimed', '1', 5), step('claimed', '2', 6), step('settled', '1', 5)];
    expect(ownersAtOnce(trace, true)).toMatchObject([{ subject: 'entry 1' }]);
  });

  it('takes the database at its word where a settlement was written down late', () => {
    const trace = [step('claimed', '1', 5), step('claimed', '2', 900), step('settled', '1', 5)];
    expect(ownersAtOnce(trace, true, new Map([['1', 899]]))).toEqual([]);
    expect(ownersAtOnce(trace, true, new Map([['1', 901]]))).toMatchObject([{ subject: 'entry 1' }]);
    const next = step('claimed', '3', 1000);
    const between = [...trace.slice(0, 2), next, step('settled', '1', 5)];
    expect(ownersAtOnce(between, true, new Map([['1', 950]]))).toMatchObject([{ subject: 'entry 1' }]);
  });

  it('finds a commit point of a predecessor, where its locks could not be lost', () => {
    const trace = [step('claimed', '1', 5), step('claimed', '2', 6), step('committing:volume-file', '1', 5)];
    expect(ownersAtOnce(trace, false)).toMatchObject([{ subject: 'entry 1' }]);
    // Elsewhere it may stand still exactly there, and the share's helper refuses the call.
    expect(ownersAtOnce(trace, true)).toEqual([]);
  });

  it('finds an entry that was settled twice', () => {
    const trace = [step('claimed', '1', 5), step('settled', '1', 5), step('claimed', '1', 6), step('settled', '1', 6)];
    expect(ownersAtOnce(trace, true)).toMatchObject([{ problem: expect.stringContaining('settled twice') as string }]);
  });
});
