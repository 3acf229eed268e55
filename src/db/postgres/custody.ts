import type { JsonObject } from '../../domain/json.ts';
import { compareAndSet } from '../compare-and-set.ts';
import type { ClaimedRow, CustodyStatements, ReceivedRow } from '../custody-statements.ts';
import type { OwnNames } from '../own-names.ts';
import type { Claim, EntryOutcome, NewEntry, WorkedOn, WorkerClaim } from '../ports/custody.ts';
import type { Binding, Session } from '../session.ts';
import { storableJson } from '../repositories/json-text.ts';
import { newColumns, newValues } from '../repositories/new-entry.ts';
import { tokensOf, type TokenRow } from '../tokens-of.ts';
import { claimSql, finishSql, guardSql, mintSql } from './custody-sql.ts';

/** Each a single statement, so that there is no instant at which one part is done and another is not. */
export class PostgresCustody implements CustodyStatements {
  readonly #names: OwnNames;

  constructor(names: OwnNames) {
    this.#names = names;
  }

  async receive(session: Session, entries: readonly NewEntry[], owner: string): Promise<readonly ReceivedRow[]> {
    const values = entries.map(() => `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${session.dialect.now})`).join(', ');
    const { rows } = await session.write<ReceivedRow>(
      `insert into ${this.#names.journal} (${newColumns}) values ${values}
       on conflict (unique_id) do nothing returning id, unique_id, received_at`,
      entries.flatMap((entry) => newValues(entry, owner)),
    );
    return rows;
  }

  async mint(session: Session, lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const { rows } = await session.write<TokenRow>(mintSql(this.#names, ''), [lockNames]);
    return tokensOf(rows);
  }

  async claim(
    session: Session,
    entryId: string,
    owner: string,
    lockNames: readonly string[],
    worker?: WorkerClaim,
  ): Promise<ClaimedRow | null> {
    const { rows } = await session.write<{
      claim: number;
      notes: string;
      tokens: Readonly<Record<string, string>> | null;
    }>(claimSql(this.#names, worker !== undefined), [
      owner,
      entryId,
      lockNames,
      ...(worker === undefined ? [] : [worker.resourceType, worker.resourceId, worker.status, worker.serviceId]),
    ]);
    const row = rows[0];
    if (row === undefined) return null;
    const tokens = Object.entries(row.tokens ?? {}).map(([name, token]) => [name, BigInt(token)] as const);
    return { ...row, tokens: new Map(tokens) };
  }

  async note(session: Session, claim: Claim, notes: JsonObject): Promise<boolean> {
    const { count } = await session.write(
      `update ${this.#names.journal} set notes = (notes::jsonb || ?::jsonb)::text
       where id = ? and claim = ? and finished_at is null`,
      [storableJson(notes), claim.entryId, claim.number],
    );
    return count > 0;
  }

  async finish(
    session: Session,
    claim: Claim,
    outcome: EntryOutcome,
    detail: string | null,
    worked?: WorkedOn,
  ): Promise<boolean> {
    const { rows } = await session.write<{ held: string }>(finishSql(this.#names, worked !== undefined), [
      outcome,
      detail,
      claim.entryId,
      claim.number,
      [...claim.tokens.keys()],
      [...claim.tokens.values()].map(String),
      ...(worked === undefined ? [] : [worked.resourceType, worked.resourceId]),
    ]);
    return rows[0] !== undefined && Number(rows[0].held) === claim.tokens.size;
  }

  async holds(session: Session, tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<boolean> {
    const rows = await session.read<{ tokens: string; claims: string }>(
      `with ${guardSql(this.#names)}
       select (select count(*) from entry) as claims, (select count(*) from held) as tokens`,
      guardBindings(tokens, claim),
    );
    const claimHeld = claim === undefined || Number(rows[0]?.claims) === 1;
    return claimHeld && Number(rows[0]?.tokens) === tokens.size;
  }

  compareAndSet(
    session: Session,
    claim: Claim,
    table: string,
    id: string,
    changes: object,
    expected: object,
  ): Promise<number> {
    return compareAndSet(session, table, id, changes, expected, {
      sql: `with ${guardSql(this.#names)} `,
      bindings: guardBindings(claim.tokens, claim),
      condition: ` and exists (select 1 from entry) and (select count(*) from held) = ${claim.tokens.size}`,
    });
  }
}

function guardBindings(tokens: ReadonlyMap<string, bigint>, claim?: Claim): readonly Binding[] {
  return [claim?.entryId ?? null, claim?.number ?? null, [...tokens.keys()], [...tokens.values()].map(String)];
}
