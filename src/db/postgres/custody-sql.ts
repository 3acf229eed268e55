import type { OwnNames } from '../own-names.ts';

const now = `(clock_timestamp() at time zone 'utc')`;

/** Mints a token for each name of the bound list, in the names' order. */
export function mintSql(names: OwnNames, condition: string): string {
  return `insert into ${names.fence} as fence (name, token, minted_at)
      select name, floor(extract(epoch from clock_timestamp()) * 1000)::bigint, ${now} from (select unnest(?::text[]) as name order by 1) as wanted ${condition}
      on conflict (name) do update set token = greatest(fence.token + 1, excluded.token), minted_at = excluded.minted_at
      returning name, token`;
}

/**
 * Two parts of a `with`: `entry`, the journal entry if the claim is the newest, and `held`, the tokens that are. Both
 * stay locked until the statement's transaction ends: nobody claims or mints anew before it is committed.
 */
export function guardSql(names: OwnNames): string {
  return `entry as (
       select id from ${names.journal} where id = ?::bigint and claim = ?::integer and finished_at is null for share),
     ${heldSql(names, '')}`;
}

/** `held`: those of the bound names, each with its token, whose token is the newest; locked in the names' order. */
function heldSql(names: OwnNames, condition: string): string {
  return `held as (
       select f.name from ${names.fence} f, unnest(?::text[], ?::bigint[]) as mine (name, token)
       where ${condition} f.name = mine.name and f.token = mine.token order by f.name for share of f)`;
}

/**
 * Claim, tokens and workers row in one statement, so that there is no instant at which one is ours and another is
 * not. Bindings: owner, entry, lock names; and of the workers row type, id, status, service.
 */
export function claimSql(names: OwnNames, withWorker: boolean): string {
  return `with entry as (
      update ${names.journal} set claim = claim + 1, owner = ?, claimed_at = ${now}
      where id = ? and finished_at is null returning claim, notes),
    minted as (${mintSql(names, 'where exists (select 1 from entry)')})${withWorker ? `, worker as (${workerSql})` : ''}
    select claim, notes, (select json_object_agg(name, token::text) from minted) as tokens from entry`;
}

/** As upstream's `set_worker` leaves the row: ours whoever had it, and a predecessor's comparison fails. */
const workerSql = `
      insert into workers (created_at, updated_at, deleted, resource_type, resource_id, status, service_id, race_preventer)
      select ${now}, ${now}, false, ?::text, ?::text, ?::text, ?::integer, 0 from entry
      on conflict (resource_type, resource_id) do update set service_id = excluded.service_id,
        status = excluded.status, race_preventer = workers.race_preventer + 1, updated_at = excluded.updated_at`;

const dropWorkerSql = `
      delete from workers where resource_type = ? and resource_id = ? and exists (select 1 from entry)`;

/**
 * Ends the entry if the claim is the newest, and counts the tokens that are; no row: the claim is not. The tokens stay
 * locked against a new mint until the commit. Entry before tokens, as in the claim. Bindings: outcome, detail, entry,
 * claim, lock names, tokens; and of the workers row type and id.
 */
export function finishSql(names: OwnNames, withWorker: boolean): string {
  return `with entry as (
      update ${names.journal} set finished_at = ${now}, outcome = ?, detail = ?
      where id = ? and claim = ? and finished_at is null returning id),
    ${heldSql(names, 'exists (select 1 from entry) and')}${withWorker ? `, worked as (${dropWorkerSql})` : ''}
    select (select count(*) from held) as held from entry`;
}
