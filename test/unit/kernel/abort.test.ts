import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { whenAborted } from '../../../src/kernel/abort.ts';

describe('a wait for one of several signals', () => {
  it('ends with the first, and leaves nothing on the one that lives on', async () => {
    const [first, lasting] = [new AbortController(), new AbortController()];
    const waiting = whenAborted(lasting.signal, first.signal);
    expect(getEventListeners(lasting.signal, 'abort')).toHaveLength(1);
    first.abort();
    await waiting;
    expect(getEventListeners(lasting.signal, 'abort')).toHaveLength(0);
    await whenAborted(lasting.signal, first.signal);
    expect(getEventListeners(lasting.signal, 'abort')).toHaveLength(0);
  });
});
