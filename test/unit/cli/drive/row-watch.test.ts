import { describe, expect, it } from 'vitest';
import { RowWatch, type Goal } from '../../../../src/cli/drive/row-watch.ts';
import { fakeRows } from './fake-rows.ts';

const setUp = () => {
  const rows = fakeRows();
  const stop = new AbortController();
  const watch = new RowWatch(rows.db, stop.signal);
  const status = (id: string, text: string) => rows.volumes.set(id, { id, status: text } as never);
  const until = (id: string, goal: Goal, timeoutMs = 10_000) => watch.until({ type: 'volume', id, goal }, timeoutMs);
  return { rows, stop, status, until };
};

describe('RowWatch', () => {
  it('sees rows reach their ends, and serves who comes later', async () => {
    const { rows, status, until } = setUp();
    status('a', 'creating');
    status('b', 'deleting');
    const ends = Promise.all([until('a', 'available'), until('b', 'gone')]);
    status('a', 'available');
    rows.volumes.delete('b');
    expect(await ends).toEqual([{ kind: 'reached' }, { kind: 'reached' }]);
    expect(await until('a', 'available')).toEqual({ kind: 'reached' });
  });

  it.each([
    ['error', 'available'],
    ['error_deleting', 'gone'],
    ['available', 'gone'],
  ] as const)('takes %s for a failure of what should be %s', async (text, goal) => {
    const { status, until } = setUp();
    status('a', text);
    expect(await until('a', goal)).toEqual({ kind: 'failed', status: text });
  });

  it('takes a row that is gone for a failed create, and gives up in the end', async () => {
    const { status, until } = setUp();
    expect(await until('none', 'available')).toEqual({ kind: 'failed', status: 'gone' });
    status('a', 'creating');
    expect(await until('a', 'available', 1)).toEqual({ kind: 'timed-out', status: 'creating' });
  });

  it('ends with its signal', async () => {
    const { status, stop, until } = setUp();
    status('a', 'creating');
    const waiting = until('a', 'available');
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
