import { describe, expect, test } from 'vitest';
import {
  GROUP_MOVES,
  GROUP_SNAPSHOT_MOVES,
  IllegalMoveError,
  SNAPSHOT_MOVES,
  VOLUME_MOVES,
  assertMove,
  isLegalMove,
} from '../../../src/domain/status.ts';

describe('status moves', () => {
  test.each([
    ['Volume', 'creating', 'available', true],
    ['Volume', 'creating', 'creating', true],
    ['Volume', 'available', 'error', false],
    ['Volume', 'error', 'available', false],
    ['Volume', 'deleting', 'error_unmanaging', false],
    ['Snapshot', 'creating', 'deleted', false],
    ['Snapshot', 'deleting', 'deleted', true],
    ['Group', 'updating', 'available', true],
    ['Group', 'creating', 'deleted', false],
    ['GroupSnapshot', 'deleting', 'deleted', true],
    ['GroupSnapshot', 'updating', 'available', false],
    ['Volume', null, 'available', false],
    ['Volume', 'toString', 'available', false],
  ] as const)('%s: from %s to %s', (kind, from, to, legal) => {
    expect(isLegalMove(kind, from, to)).toBe(legal);
    if (legal) assertMove(kind, from, to);
    else expect(() => assertMove(kind, from, to)).toThrow(IllegalMoveError);
  });

  test('a snapshot never gets a status that its object refuses', () => {
    const known = [
      'error',
      'available',
      'creating',
      'deleting',
      'deleted',
      'unmanaging',
      'error_deleting',
      'backing-up',
      'restoring',
    ];
    const used = [...Object.keys(SNAPSHOT_MOVES), ...Object.values(SNAPSHOT_MOVES).flat()];
    expect(used.filter((status) => !known.includes(status))).toEqual([]);
  });

  test('nothing comes back from where a settlement left it', () => {
    const ends = new Set(['available', 'error', 'deleted', 'error_deleting', 'error_unmanaging', 'error_extending']);
    for (const moves of [VOLUME_MOVES, SNAPSHOT_MOVES, GROUP_MOVES, GROUP_SNAPSHOT_MOVES]) {
      expect(Object.keys(moves).filter((status) => ends.has(status))).toEqual([]);
    }
  });
});
