import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../domain/json.ts';
import { compareAndSet } from '../compare-and-set.ts';
import type { ClaimedRow, CustodyStatements, ReceivedRow } from '../custody-statements.ts';
import type { OwnNames } from '../own-names.ts';
import type { Claim, EntryOutcome, NewEntry, WorkedOn, WorkerClaim } from '../ports/custody.ts';
import { storableJson } from '../repositories/json-text.ts';
import { newColumns, newValues } from '../repositories/new-entry.ts';
import { claimWorker, dropWorker } from '../repositories/workers.ts';
import type { Session } from '../session.ts';
import { tokensOf, type TokenRow } from '../tokens-of.ts';

/** Equal to no row: an empty list of rows cannot be written. */
const noToken = [[null, null]];

/**
 * Each a transaction of its own, or part of one. What must stay as it was seen is *written* (`checks` counts on), not
 * only locked: of two transactions on two nodes of a Galera cluster, which knows nothing of the other node's locks, the
 * later one then fails at its commit as a deadlock's victim and looks anew.
 */
export class MariadbCustody implements CustodyStatements {
  readonly #names: OwnNames;

  constructor(names: OwnNames) {
    this.#names = names;
  }

  /** What carries this call's receipt is new, although an insert that finds its key there is counted as one too. */
  receive(session: Session, entries: readonly NewEntry[], owner: string): Promise<readonly ReceivedRow[]> {
    const receipt = randomUUID();
    const values = entries.map(() => `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${session.dialect.now}, ?)`).join(', ');
    return session.atomically(async (tx) => {
      await tx.write(
        `insert into ${this.#names.journal} (${newColumns}, receipt) values ${values}
         on duplicate key update unique_id = values(unique_id)`,
        entries.flatMap((entry) => [...newValues(entry, owner), receipt]),
      );
      return tx.read<ReceivedRow>(
        `select id, unique_id, received_at from ${this.#names.journal} where unique_id in (?) and receipt = ?
         order by id`,
        [entries.map(({ uniqueId }) => uniqueId), receipt],
      );
    });
  }

  async mint(session: Session, lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    if (lockNames.length === 0) return new Map();
    const sorted = lockNames.toSorted();
    return session.atomically(async (tx) => {
      await tx.write(this.#mintSql(tx, sorted.length), sorted);
      const rows = await tx.read<TokenRow>(`select name, token from ${this.#names.fence} where name in (?)`, [sorted]);
      return tokensOf(rows);
    });
  }

  claim(
    session: Session,
    entryId: string,
    owner: string,
    lockNames: readonly string[],
    worker?: WorkerClaim,
  ): Promise<ClaimedRow | null> {
    return session.atomically(async (tx) => {
      const { count } = await tx.write(
        `update ${this.#names.journal} set claim = claim + 1, owner = ?, claimed_at = ${tx.dialect.now}
         where id = ? and finished_at is null`,
        [owner, entryId],
      );
      if (count === 0) return null;
      const tokens = await this.mint(tx, lockNames);
      if (worker !== undefined) await claimWorker(tx, worker);
      const [row] = await tx.read<{ claim: number; notes: string }>(
        `select claim, notes from ${this.#names.journal} where id = ?`,
        [entryId],
      );
      return row === undefined ? null : { ...row, tokens };
    });
  }

  /** Read and written back, because the server's own merging goes deeper than the first level. */
  note(session: Session, claim: Claim, notes: JsonObject): Promise<boolean> {
    return session.atomically(async (tx) => {
      const [row] = await tx.read<{ notes: string }>(
        `select notes from ${this.#names.journal} where id = ? and claim = ? and finished_at is null for update`,
        [claim.entryId, claim.number],
      );
      if (row === undefined) return false;
      const merged = storableJson({ ...(JSON.parse(row.notes) as JsonObject), ...notes });
      await tx.write(`update ${this.#names.journal} set notes = ? where id = ?`, [merged, claim.entryId]);
      return true;
    });
  }

  async finish(
    session: Session,
    claim: Claim,
    outcome: EntryOutcome,
    detail: string | null,
    worked?: WorkedOn,
  ): Promise<boolean> {
    const { count } = await session.write(
      `update ${this.#names.journal} set finished_at = ${session.dialect.now}, outcome = ?, detail = ?
       where id = ? and claim = ? and finished_at is null`,
      [outcome, detail, claim.entryId, claim.number],
    );
    if (count === 0 || !(await this.#keepTokens(session, claim.tokens))) return false;
    if (worked !== undefined) await dropWorker(session, worked);
    return true;
  }

  async holds(session: Session, tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<boolean> {
    if (!session.inTransaction) return this.#seesNewest(session, tokens, claim);
    if (claim !== undefined && !(await this.#keepClaim(session, claim))) return false;
    return this.#keepTokens(session, tokens);
  }

  compareAndSet(
    session: Session,
    claim: Claim,
    table: string,
    id: string,
    changes: object,
    expected: object,
  ): Promise<number> {
    return session.atomically(async (tx) => {
      const held = (await this.#keepClaim(tx, claim)) && (await this.#keepTokens(tx, claim.tokens));
      return held ? compareAndSet(tx, table, id, changes, expected) : 0;
    });
  }

  #mintSql({ dialect }: Session, names: number): string {
    const values = Array.from({ length: names }, () => `(?, ${dialect.epochMs}, ${dialect.now})`).join(', ');
    return `insert into ${this.#names.fence} (name, token, minted_at) values ${values}
      on duplicate key update token = greatest(token + 1, values(token)), minted_at = values(minted_at)`;
  }

  async #keepClaim(session: Session, claim: Claim): Promise<boolean> {
    const { count } = await session.write(
      `update ${this.#names.journal} set checks = checks + 1 where id = ? and claim = ? and finished_at is null`,
      [claim.entryId, claim.number],
    );
    return count === 1;
  }

  async #keepTokens(session: Session, tokens: ReadonlyMap<string, bigint>): Promise<boolean> {
    if (tokens.size === 0) return true;
    const { count } = await session.write(
      `update ${this.#names.fence} set checks = checks + 1 where name in (?) and (name, token) in (?)`,
      [[...tokens.keys()], [...tokens]],
    );
    return count === tokens.size;
  }

  /** For somebody who is not in a transaction, and can be told no more than how it is now. */
  async #seesNewest(session: Session, tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<boolean> {
    const [row] = await session.read<{ claims: string; tokens: string }>(
      `select (select count(*) from ${this.#names.journal} where id = ? and claim = ? and finished_at is null) as claims,
         (select count(*) from ${this.#names.fence} where name in (?) and (name, token) in (?)) as tokens`,
      [claim?.entryId ?? null, claim?.number ?? null, [...tokens.keys()], tokens.size === 0 ? noToken : [...tokens]],
    );
    return (claim === undefined || Number(row?.claims) === 1) && Number(row?.tokens) === tokens.size;
  }
}
