import { describe, expect, it } from 'vitest';
import { cellName, cellsOf, parseCell, tableOf, type Cell } from '../../chaos/matrix/cells.ts';

describe('a cell of the matrix', () => {
  it('is found again by its name', () => {
    const cells: readonly Cell[] = [
      { operation: 'delete_snapshot', step: 'committing:snapshot-info', nth: 2, fault: 'freeze' },
      { operation: 'attach_volume', step: 'call locked', nth: 1, fault: 'database' },
    ];
    expect(cells.map(cellName)).toEqual([
      'delete_snapshot/committing:snapshot-info#2/freeze',
      'attach_volume/call_locked#1/database',
    ]);
    expect(cells.map((cell) => parseCell(cellName(cell)))).toEqual(cells);
  });

  it.each(['', 'claimed', 'create_volume/claimed/kill', 'create_volume/claimed#1/flood'])('is not "%s"', (name) => {
    expect(() => parseCell(name)).toThrow('--cell');
  });

  it('is each time that an operation passes a step, up to a number, with each fault', () => {
    const cells = cellsOf('create_group', ['locked', 'ran', 'locked', 'locked'], ['kill', 'freeze'], 2);
    const steps = cells.filter(({ fault }) => fault === 'kill').map(({ step, nth }) => `${step} ${nth}`);
    expect(steps).toEqual(['locked 1', 'ran 1', 'locked 2']);
    expect(cells).toHaveLength(6);
  });

  it('is counted under its operation and its fault', () => {
    const cells = cellsOf('create_volume', ['locked', 'ran'], ['kill', 'freeze'], 1);
    const results = cells.map((cell) => {
      const isBroken = cell.step === 'ran' && cell.fault === 'freeze';
      return { cell, end: isBroken ? ('broken' as const) : ('whole' as const), problems: [], tookMs: 1 };
    });
    expect(tableOf(results, ['kill', 'freeze']).split('\n')[1]?.split(/ {2,}/)).toEqual([
      'create_volume',
      '2',
      '2 (1 broken)',
      '4 (1 broken)',
    ]);
  });
});
