import { ClaimLostError } from '../database.ts';
import { agoSql, epochMsSql, nowSql } from '../dialect.ts';
import type { OwnNames } from '../own-names.ts';
import type { Claim, FenceRepository } from '../ports/custody.ts';
import type { Session } from '../session.ts';

/**
 * Mints a token for each name of the bound list, in the names' order, so that two never wait for each other crosswise.
 * A token is at least the database's time in milliseconds: a name whose row was purged gets no old number again.
 */
export function mintSql(names: OwnNames, condition: string): string {
  return `insert into ${names.fence} as fence (name, token, minted_at)
      select name, ${epochMsSql}, ${nowSql} from (select unnest(?::text[]) as name order by 1) as wanted ${condition}
      on conflict (name) do update set token = greatest(fence.token + 1, excluded.token), minted_at = excluded.minted_at
      returning name, token`;
}

export class Fence implements FenceRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  async mint(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    if (lockNames.length === 0) return new Map();
    const { rows } = await this.#session.write<{ name: string; token: string }>(mintSql(this.#names, ''), [
      [...new Set(lockNames)],
    ]);
    return new Map(rows.map(({ name, token }) => [name, BigInt(token)]));
  }

  /** In a transaction the rows stay locked until its end: nobody mints anew before what was checked is committed. */
  async check(tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<void> {
    const rows = await this.#session.read<{ tokens: string; claims: string }>(
      `with entry as (
         select id from ${this.#names.journal} where id = ?::bigint and claim = ?::integer and finished_at is null
         for share),
       held as (
         select f.name from ${this.#names.fence} f, unnest(?::text[], ?::bigint[]) as mine (name, token)
         where f.name = mine.name and f.token = mine.token order by f.name for share of f)
       select (select count(*) from entry) as claims, (select count(*) from held) as tokens`,
      [claim?.entryId ?? null, claim?.number ?? null, [...tokens.keys()], [...tokens.values()].map(String)],
    );
    const claimHeld = claim === undefined || Number(rows[0]?.claims) === 1;
    if (!claimHeld || Number(rows[0]?.tokens) !== tokens.size) {
      throw new ClaimLostError(claim === undefined ? 'a lock' : `journal entry ${claim.entryId}`);
    }
  }

  /** Only names whose token the clock has passed: otherwise the next one could be as small as the last. */
  async purge(ageMs: number, limit: number): Promise<number> {
    const { count } = await this.#session.write(
      `delete from ${this.#names.fence} where name in (
         select name from ${this.#names.fence} where minted_at < ${agoSql} and token < ${epochMsSql}
         order by minted_at limit ? for update skip locked)`,
      [ageMs, limit],
    );
    return count;
  }
}
