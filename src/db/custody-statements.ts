import type { JsonObject } from '../domain/json.ts';
import type { Claim, EntryOutcome, NewEntry, WorkedOn, WorkerClaim } from './ports/custody.ts';
import type { Session } from './session.ts';

export interface ReceivedRow {
  readonly id: string;
  readonly unique_id: string;
  readonly received_at: string;
}

export interface ClaimedRow {
  readonly claim: number;
  readonly notes: string;
  readonly tokens: ReadonlyMap<string, bigint>;
}

/**
 * What must be one for the custody to hold: several rows change, or are compared, at one instant. On PostgreSQL each is
 * one statement; on MariaDB, whose updates neither return rows nor stand in a `with`, one transaction. Entries are locked
 * before tokens, tokens in the order of their names, so that two never wait for each other crosswise.
 */
export interface CustodyStatements {
  /** Inserts what is not there yet; answers with those alone. */
  receive(session: Session, entries: readonly NewEntry[], owner: string): Promise<readonly ReceivedRow[]>;
  /**
   * A new token for each name, one larger than the last. A token is at least the database's time in milliseconds: a
   * name whose row was purged gets no old number again.
   */
  mint(session: Session, lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  /** The next claim, its tokens and the workers row. Null: the entry is finished or gone. */
  claim(
    session: Session,
    entryId: string,
    owner: string,
    lockNames: readonly string[],
    worker?: WorkerClaim,
  ): Promise<ClaimedRow | null>;
  /** Adds to the entry's notes. False: the claim is not the newest. */
  note(session: Session, claim: Claim, notes: JsonObject): Promise<boolean>;
  /**
   * Ends the entry and drops the workers row. False: claim or tokens are not the newest, and the caller undoes the
   * transaction. The tokens stay locked against a new mint until the commit.
   */
  finish(
    session: Session,
    claim: Claim,
    outcome: EntryOutcome,
    detail: string | null,
    worked?: WorkedOn,
  ): Promise<boolean>;
  /** Whether claim and tokens are the newest; inside a transaction they stay so until its end. */
  holds(session: Session, tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<boolean>;
  /** `compareAndSet`, without effect unless claim and tokens are the newest. */
  compareAndSet(
    session: Session,
    claim: Claim,
    table: string,
    id: string,
    changes: object,
    expected: object,
  ): Promise<number>;
}
