import { describe, expect, it } from 'vitest';
import { listed, lockTable } from '../../../src/cli/lock/list-locks.ts';

describe('lock list', () => {
  it('sorts by name, drops the wire’s prefix, and knows which locks have a token', () => {
    const locks = listed(
      [
        { name: 'cinder-nfs-b', holder: 'pid 7' },
        { name: 'cinder-a', holder: 'cinder-1', ageMs: 1260, waiters: 2 },
      ],
      new Map([['nfs-b', 12n]]),
    );
    expect(locks).toEqual([
      { name: 'a', holder: 'cinder-1', ageSeconds: 1.3, token: null, waiters: 2 },
      { name: 'nfs-b', holder: 'pid 7', ageSeconds: null, token: '12', waiters: null },
    ]);
    expect(lockTable(locks).split('\n').slice(2)).toEqual([
      'a      cinder-1    1.3  –            2',
      'nfs-b  pid 7     –      12     –',
    ]);
  });
});
