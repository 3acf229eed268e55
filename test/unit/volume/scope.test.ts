import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/db/ports/custody.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { createScope, ownerTag, type ScopeOptions } from '../../../src/volume/scope.ts';

const claim = (entryId: string, number: number, tokens: Record<string, bigint>): Claim => ({
  entryId,
  number,
  tokens: new Map(Object.entries(tokens)),
  notes: {},
});

describe('the owner tag', () => {
  it('is made of letters and digits, also for the largest numbers', () => {
    expect(ownerTag(claim('9223372036854775807', 2 ** 31 - 1, { a: 2n ** 63n - 1n }))).toMatch(/^[a-z0-9]{1,64}$/);
  });

  it('differs for each claim of an entry', () => {
    expect(ownerTag(claim('7', 1, { a: 5n }))).not.toBe(ownerTag(claim('7', 2, { a: 5n })));
  });

  it('differs for operations whose largest tokens are equal, because their locks are others', () => {
    expect(ownerTag(claim('7', 1, { a: 5n, b: 6n }))).not.toBe(ownerTag(claim('8', 1, { a: 6n })));
  });
});

describe('what Nova refused', () => {
  it('is known to its owner and to whoever has the entry next', async () => {
    const noted: JsonObject = {};
    const delegation = (notes: JsonObject) =>
      createScope({
        db: { journal: { note: (_: Claim, added: JsonObject) => Promise.resolve(void Object.assign(noted, added)) } },
        claim: { ...claim('7', 1, {}), notes },
        lease: { assertHeld: () => undefined },
        signal: new AbortController().signal,
        entry: {},
      } as unknown as ScopeOptions).work.delegation;
    const owners = delegation({});
    await owners?.noteRefusal('s', 'HTTP 400');
    const successors = delegation({ ...noted });
    for (const known of [owners, successors]) {
      expect(known?.refusalOf('s')).toBe('HTTP 400');
      expect(known?.refusalOf('another')).toBeUndefined();
    }
  });
});
