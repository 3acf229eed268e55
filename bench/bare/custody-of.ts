import { compareAndSet } from '../../src/db/compare-and-set.ts';
import type { CustodyStatements } from '../../src/db/custody-statements.ts';

/*
 * In the place of src/db/custody-of.ts where `--against bare` is built: the same program on the same locks, that
 * acknowledges a request at once, and neither journals, fences nor claims it. What it is faster by is what custody costs.
 * It forgets everything with its process, and is of no other use.
 */

let received = 0;
let minted = 0n;

const tokensOf = (names: readonly string[]): ReadonlyMap<string, bigint> =>
  new Map(names.map((name) => [name, (minted += 1n)]));

const bareCustody: CustodyStatements = {
  receive: (_session, entries) =>
    Promise.resolve(
      entries.map(({ uniqueId }) => ({ id: String((received += 1)), unique_id: uniqueId, received_at: '' })),
    ),
  mint: (_session, names) => Promise.resolve(tokensOf(names)),
  claim: (_session, _entry, _owner, names) => Promise.resolve({ claim: 1, notes: '{}', tokens: tokensOf(names) }),
  note: () => Promise.resolve(true),
  finish: () => Promise.resolve(true),
  holds: () => Promise.resolve(true),
  compareAndSet: (session, _claim, table, id, changes, expected) =>
    compareAndSet(session, table, id, changes, expected),
};

export const custodyOf = (): CustodyStatements => bareCustody;
