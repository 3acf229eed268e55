import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from '../../chaos/locks/judge.ts';
import { livesOf, type Strike } from '../../chaos/locks/story.ts';

/** Lines as a member writes them: `[at, lease, what, details]`, all of one lock. */
type Line = readonly [atMs: number, lease: string, what: string, details?: object];

const noticeMs = 1_000;
const session = { endsWithConnection: false };

function lives(member: string, ...lines: readonly Line[]) {
  const told = lines.map(([atMs, lease, what, details]) => ({ atMs, lease, lock: 'a', what, ...details }));
  return livesOf(member, told.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const sure = (atMs: number, lease: string, untilMs: number): Line => [atMs, lease, 'sure', { untilMs }];
const next = lives('other', [2_000, 'o', 'won'], [2_010, 'o', 'minted', { token: 8 }], [2_020, 'o', 'leaving']);
const verdictOn = (own: ReturnType<typeof lives>, strikes: readonly Strike[] = []): Verdict =>
  judge(session, [...own, ...next], strikes, noticeMs);
const strike = (kind: Strike['kind'], fromMs: number, toMs: number): Strike => ({ kind, fromMs, toMs });

describe('what members wrote down of a lock', () => {
  it('is right where one had it after the other', () => {
    const own = lives('m', [1_000, 'm', 'won'], sure(1_500, 'm', 4_500), [1_900, 'm', 'leaving']);
    expect(verdictOn(own)).toMatchObject({ violations: [], leases: 2 });
  });

  it('is wrong where somebody was still sure when the next one had it', () => {
    const own = lives('m', [1_000, 'm', 'won'], sure(2_100, 'm', 4_500), [2_200, 'm', 'leaving']);
    expect(verdictOn(own).violations).toEqual([expect.stringContaining('two owners were sure')]);
  });

  it('is wrong where the next one had it before the proof of one who was killed was over', () => {
    const own = lives('m', [1_000, 'm', 'won'], sure(1_500, 'm', 2_001));
    expect(verdictOn(own).violations).toEqual([expect.stringContaining('a proof was not true')]);
  });

  it('may tell of two for a moment where the service forgot the lock, and not for longer', () => {
    const lost = (atMs: number): ReturnType<typeof lives> =>
      lives('m', [1_000, 'm', 'won'], sure(atMs, 'm', 4_500), [atMs + 1, 'm', 'lost', { why: 'gone' }]);
    const forget = [strike('forget', 1_900, 1_950)];
    expect(verdictOn(lost(2_900), forget)).toMatchObject({ violations: [], noticedMs: 900 });
    expect(verdictOn(lost(3_100), forget).violations).toHaveLength(2);
  });

  it('is wrong where a write counted after the next one had a token, or the next one’s was no larger', () => {
    const ownWith = (token: number): ReturnType<typeof lives> =>
      lives('m', [1_000, 'm', 'won'], [1_001, 'm', 'minted', { token }], [2_500, 'm', 'counted']);
    expect(verdictOn(ownWith(7)).violations).toEqual([expect.stringContaining('a late write counted')]);
    expect(verdictOn(ownWith(8)).violations).toEqual([expect.stringContaining('a token did not grow')]);
  });

  it('says by what locks were lost', () => {
    const own = lives('m', [1_000, 'm', 'won'], sure(1_500, 'm', 1_900), [1_800, 'm', 'lost', { why: 'silent' }]);
    expect(verdictOn(own, [strike('stall', 1_400, 1_700)]).lost).toEqual(new Map([['stall', 1]]));
  });

  it('leaves out a line whose writer was killed while writing', () => {
    const whole = `${JSON.stringify({ atMs: 1, lease: 'm', lock: 'a', what: 'won' })}\n`;
    expect(livesOf('m', `${whole}{"atMs":2,"lea`)).toHaveLength(1);
  });
});
