import { describe, expect, it } from 'vitest';
import type { Turn } from '../../../bench/locks/member-task.ts';
import { oneAfterTheOther, spreadOf, summaryOf } from '../../../bench/locks/turns.ts';

const ms = (asked: number, had: number, done: number, gone: number): Turn => [
  asked * 1e6,
  had * 1e6,
  done * 1e6,
  gone * 1e6,
];

describe('the turns of members at one lock', () => {
  it('tell what handing over costs', () => {
    const summary = summaryOf([[ms(0, 1, 2, 3), ms(3, 7, 8, 9)], [ms(0, 4, 5, 6)]]);
    expect(summary).toMatchObject({ acquisitions: 3, handOvers: 2, seconds: 0.009, heldSeconds: 0.003 });
    expect(summary.costMs).toBeCloseTo(2);
    expect(summary.handOverMs).toBeCloseTo(3);
    expect(summary.mostOvertaken).toBe(0);
  });

  it('tell of a waiter whom others overtook, which came later', () => {
    const greedy = [ms(0, 0, 1, 1), ms(1, 1, 2, 2), ms(2, 2, 3, 3)];
    const patient = [ms(0.5, 4, 5, 5)];
    expect(summaryOf([greedy, patient]).mostOvertaken).toBe(2);
  });

  it('are one row over several runs, whenever these were', () => {
    const first = [[ms(100, 101, 102, 103)], [ms(100, 104, 105, 106)]];
    const second = [[ms(700, 701, 702, 703)], [ms(701, 704, 705, 706)]];
    const rows = oneAfterTheOther([first, second]);
    expect(rows).toEqual([
      [ms(0, 1, 2, 3), ms(6, 7, 8, 9)],
      [ms(0, 4, 5, 6), ms(7, 10, 11, 12)],
    ]);
    expect(summaryOf(rows)).toMatchObject({ acquisitions: 4, handOvers: 3, seconds: 0.012, mostOvertaken: 0 });
  });

  it('are spread by rank', () => {
    const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
    expect(spreadOf(values)).toEqual({ medianMs: 500, p999Ms: 999, worstMs: 1000 });
  });
});
