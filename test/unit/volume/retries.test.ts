import { describe, expect, it } from 'vitest';
import { Retries } from '../../../src/volume/retries.ts';

describe('tries that ended without a definite result', () => {
  it('are forgotten some time after the entry did not come back: somebody else has ended it', () => {
    let nowMs = 0;
    const retries = new Retries({ clock: { nowMs: () => nowMs }, initialMs: 10, maxMs: 10 });
    retries.failed('a', new Error('the share hangs'));
    nowMs += 1_800_000;
    retries.failed('b', new Error('the share hangs'));
    expect(retries.of('a').attempts).toBe(1);
    nowMs += 1_900_000;
    retries.failed('b', new Error('the share hangs'));
    retries.failed('c', new Error('the share hangs'));
    expect(['a', 'b', 'c'].map((id) => retries.of(id).attempts)).toEqual([0, 2, 1]);
  });
});
