import type { Guard } from '../compare-and-set.ts';
import { ClaimLostError } from '../database.ts';
import { agoSql, epochMsSql, nowSql } from '../dialect.ts';
import type { OwnNames } from '../own-names.ts';
import type { Claim, FenceRepository } from '../ports/custody.ts';
import type { Binding, Session } from '../session.ts';

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

/**
 * Two parts of a `with`: `entry`, the journal entry if the claim is the newest, and `held`, the tokens that are. Both
 * stay locked until the statement's transaction ends: nobody claims or mints anew before it is committed.
 */
function guardSql(names: OwnNames): string {
  return `entry as (
       select id from ${names.journal} where id = ?::bigint and claim = ?::integer and finished_at is null for share),
     held as (
       select f.name from ${names.fence} f, unnest(?::text[], ?::bigint[]) as mine (name, token)
       where f.name = mine.name and f.token = mine.token order by f.name for share of f)`;
}

function guardBindings(tokens: ReadonlyMap<string, bigint>, claim?: Claim): readonly Binding[] {
  return [claim?.entryId ?? null, claim?.number ?? null, [...tokens.keys()], [...tokens.values()].map(String)];
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

  async check(tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<void> {
    const rows = await this.#session.read<{ tokens: string; claims: string }>(
      `with ${guardSql(this.#names)}
       select (select count(*) from entry) as claims, (select count(*) from held) as tokens`,
      guardBindings(tokens, claim),
    );
    const claimHeld = claim === undefined || Number(rows[0]?.claims) === 1;
    if (!claimHeld || Number(rows[0]?.tokens) !== tokens.size) {
      throw new ClaimLostError(claim === undefined ? 'a lock' : `journal entry ${claim.entryId}`);
    }
  }

  async newest(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    if (lockNames.length === 0) return new Map();
    const places = lockNames.map(() => '?').join(', ');
    const rows = await this.#session.read<{ name: string; token: string }>(
      `select name, token from ${this.#names.fence} where name in (${places})`,
      lockNames,
    );
    return new Map(rows.map(({ name, token }) => [name, BigInt(token)]));
  }

  /** For a statement that must have no effect unless claim and tokens are the newest. */
  guard(claim: Claim): Guard {
    return {
      sql: `with ${guardSql(this.#names)} `,
      bindings: guardBindings(claim.tokens, claim),
      condition: ` and exists (select 1 from entry) and (select count(*) from held) = ${claim.tokens.size}`,
    };
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
