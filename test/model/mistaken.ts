import type { Lease } from '../../src/coordination/coordinator.ts';
import type { Database } from '../../src/db/database.ts';
import { never } from '../../src/kernel/abort.ts';
import type { CustodyOptions } from '../../src/volume/custody-options.ts';
import type { Operation } from '../../src/volume/operation.ts';
import type { Mistake } from './mistakes.ts';

/** The door's options with a mistake made on purpose, where it is one of the code's. */
export function mistaken(options: CustodyOptions, mistake: Mistake | undefined): CustodyOptions {
  switch (mistake) {
    case 'the row is read before the locks are had':
      return { ...options, operations: options.operations.map(readsEarly) };
    case 'the entry is claimed before the locks are had':
      return claimsEarly(options);
    case 'tokens belong to the request instead of the lock':
      return { ...options, db: fencesRequests(options.db) };
    default:
      return options;
  }
}

function readsEarly(operation: Operation): Operation {
  let early: Promise<unknown> | undefined;
  return {
    ...operation,
    locks: async (args, ports, rows) => {
      early ??= operation.load(args, ports, rows);
      await early;
      return operation.locks(args, ports, rows);
    },
    load: async (args, ports, rows) => (await early) ?? operation.load(args, ports, rows),
  };
}

function claimsEarly(options: CustodyOptions): CustodyOptions {
  const { coordinator, db } = options;
  let lease: Lease | undefined;
  const promised = (names: Lease['names']): Lease => {
    const release: Lease['release'] = async () => (await lease?.release()) ?? 'released';
    const rest = { names, signal: never, provableUntilMs: Infinity, assertHeld: () => lease?.assertHeld() };
    return { ...rest, release, [Symbol.asyncDispose]: () => release().then(() => undefined) };
  };
  const journal: Partial<Database['journal']> = {
    claim: async (entryId, owner, names, worker) => {
      const claim = await db.journal.claim(entryId, owner, names, worker);
      lease = undefined;
      if (claim !== null) {
        lease = await coordinator.acquire(names as Lease['names'], { waitMs: 'forever', signal: never });
      }
      return claim;
    },
  };
  return {
    ...options,
    coordinator: { ...coordinator, acquire: (names) => Promise.resolve(promised(names)) },
    db: { ...db, journal: { ...db.journal, ...journal } },
  };
}

function fencesRequests(db: Database): Database {
  const claim: Database['journal']['claim'] = (entryId, owner, _names, worker) =>
    db.journal.claim(entryId, owner, [`request-${entryId}`], worker);
  return { ...db, journal: { ...db.journal, claim } };
}
