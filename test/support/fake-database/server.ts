import type { EntryOutcome, JournalEntry, OutboxMessage } from '../../../src/db/ports/custody.ts';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import { FifoSemaphore } from '../../../src/kernel/fifo-semaphore.ts';

export type Row = { -readonly [K in keyof JournalEntry]: JournalEntry[K] } & {
  outcome: EntryOutcome | null;
  detail: string | null;
};

export interface Tables {
  entries: Map<string, Row>;
  tokens: Map<string, bigint>;
  outbox: Map<string, { message: OutboxMessage; owner: string }>;
  beats: Map<
    string,
    { host: string; pid: number; version: string; serves: readonly string[]; holdsProbe: boolean; atMs: number }
  >;
  volumes: Map<string, Volume>;
  snapshots: Map<string, Snapshot>;
  workers: Map<string, string>;
  nextId: number;
}

/** What the database server holds; every replica has a `FakeDatabase`, its own connection to it. */
export class FakeServer {
  tables: Tables = {
    entries: new Map(),
    tokens: new Map(),
    outbox: new Map(),
    beats: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    workers: new Map(),
    nextId: 1,
  };
  /** Transactions run one after the other: serializable. */
  readonly turn = new FifoSemaphore(1);
  /** Every `journal.receive`, by its number of entries. */
  readonly inserts: number[] = [];

  entry(uniqueId: string): Row | undefined {
    return [...this.tables.entries.values()].find((row) => row.uniqueId === uniqueId);
  }
}

/** Carries a statement out: by itself, or as one of a transaction. */
export type Run = <T>(name: string, statement: (tables: Tables, server: FakeServer) => T) => Promise<T>;
