import type { JsonObject } from '../../domain/json.ts';
import { ClaimLostError } from '../database.ts';
import { agoSql, nowSql } from '../dialect.ts';
import type { OwnNames } from '../own-names.ts';
import type {
  Claim,
  EntryOutcome,
  JournalEntry,
  JournalRepository,
  NewEntry,
  WorkedOn,
  WorkerClaim,
} from '../ports/custody.ts';
import type { Binding, Session } from '../session.ts';
import { aliveSql } from './incarnations.ts';
import { claimSql, finishSql } from './journal-sql.ts';
import { parseObject, storableJson } from './json-text.ts';

interface EntryRow extends Omit<JournalEntry, 'uniqueId' | 'args' | 'context' | 'notes'> {
  readonly unique_id: string;
  readonly args: string;
  readonly context: string;
  readonly notes: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly received_at: string;
}

const newColumns =
  'unique_id, owner, method, version, backend, args, context, resource_type, resource_id, origin, received_at';
const entryColumns = `${newColumns}, id, claim, notes`;

export class Journal implements JournalRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  async receive(entries: readonly NewEntry[], owner: string): Promise<readonly JournalEntry[]> {
    if (entries.length === 0) return [];
    const values = entries.map(() => `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${nowSql})`).join(', ');
    const { rows } = await this.#session.write<{ id: string; unique_id: string; received_at: string }>(
      `insert into ${this.#names.journal} (${newColumns}) values ${values}
       on conflict (unique_id) do nothing returning id, unique_id, received_at`,
      entries.flatMap((entry) => newValues(entry, owner)),
    );
    const byUniqueId = new Map(entries.toReversed().map((entry) => [entry.uniqueId, entry]));
    return rows.flatMap((row) => {
      const entry = byUniqueId.get(row.unique_id);
      return entry === undefined
        ? []
        : [{ ...entry, id: row.id, owner, claim: 0, notes: {}, receivedAt: row.received_at }];
    });
  }

  async claim(
    entryId: string,
    owner: string,
    lockNames: readonly string[],
    worker?: WorkerClaim,
  ): Promise<Claim | null> {
    const { rows } = await this.#session.write<{
      claim: number;
      notes: string;
      tokens: Readonly<Record<string, string>> | null;
    }>(claimSql(this.#names, worker !== undefined), [
      owner,
      entryId,
      [...new Set(lockNames)],
      ...(worker === undefined ? [] : [worker.resourceType, worker.resourceId, worker.status, worker.serviceId]),
    ]);
    const row = rows[0];
    if (row === undefined) return null;
    const tokens = new Map(Object.entries(row.tokens ?? {}).map(([name, token]) => [name, BigInt(token)]));
    return { entryId, number: row.claim, tokens, notes: parseObject(row.notes) };
  }

  async note(claim: Claim, notes: JsonObject): Promise<void> {
    const { count } = await this.#session.write(
      `update ${this.#names.journal} set notes = (notes::jsonb || ?::jsonb)::text
       where id = ? and claim = ? and finished_at is null`,
      [storableJson(notes), claim.entryId, claim.number],
    );
    if (count === 0) throw new ClaimLostError(`journal entry ${claim.entryId}`);
  }

  async finish(claim: Claim, outcome: EntryOutcome, detail: string | null, worked?: WorkedOn): Promise<void> {
    // Wrapped, so that without a transaction around it a comparison that fails undoes the update all the same.
    await this.#session.atomically(async (session) => {
      const { rows } = await session.write<{ held: string }>(finishSql(this.#names, worked !== undefined), [
        outcome,
        detail,
        claim.entryId,
        claim.number,
        [...claim.tokens.keys()],
        [...claim.tokens.values()].map(String),
        ...(worked === undefined ? [] : [worked.resourceType, worked.resourceId]),
      ]);
      const held = rows[0]?.held;
      if (held === undefined || Number(held) !== claim.tokens.size) {
        throw new ClaimLostError(`journal entry ${claim.entryId}`);
      }
    });
  }

  async refuse(entryId: string, detail: string): Promise<void> {
    await this.#session.write(
      `update ${this.#names.journal} set finished_at = ${nowSql}, outcome = 'refused', detail = ?
       where id = ? and claim = 0 and finished_at is null`,
      [detail, entryId],
    );
  }

  async giveBack(owner: string, entryId?: string): Promise<number> {
    const one = entryId === undefined ? '' : 'and id = ?';
    const { count } = await this.#session.write(
      `update ${this.#names.journal} set owner = null where owner = ? and finished_at is null ${one}`,
      entryId === undefined ? [owner] : [owner, entryId],
    );
    return count;
  }

  /**
   * Rows that somebody else is adopting are passed over. The owners that are alive are looked up apart from the rows
   * (a scalar array, not a join): a row that changed while it was waited for is then compared with them anew.
   */
  async adopt(
    owner: string,
    backends: readonly string[],
    silentMs: number,
    limit: number,
  ): Promise<readonly JournalEntry[]> {
    const { rows } = await this.#session.write<EntryRow>(
      `with free as (
         select id from ${this.#names.journal}
         where finished_at is null and backend = any(?::text[])
           and (owner is null or (owner <> ? and owner <> all (${aliveSql(this.#names)})))
         order by id limit ? for update skip locked)
       update ${this.#names.journal} set owner = ? where id in (select id from free) returning ${entryColumns}`,
      [backends, owner, silentMs, limit, owner],
    );
    return rows.map(toEntry).toSorted(byId);
  }

  async outcomeOf(entryId: string): Promise<{ outcome: EntryOutcome | null; claim: number } | null> {
    const rows = await this.#session.read<{ outcome: EntryOutcome | null; claim: number }>(
      `select outcome, claim from ${this.#names.journal} where id = ?`,
      [entryId],
    );
    return rows[0] ?? null;
  }

  async unfinished(backends: readonly string[], limit: number): Promise<readonly JournalEntry[]> {
    const rows = await this.#session.read<EntryRow>(
      `select ${entryColumns} from ${this.#names.journal}
       where finished_at is null and backend = any(?::text[]) order by id limit ?`,
      [backends, limit],
    );
    return rows.map(toEntry);
  }

  async purge(ageMs: number, limit: number): Promise<number> {
    const { count } = await this.#session.write(
      `delete from ${this.#names.journal} where id in (
         select id from ${this.#names.journal} where finished_at < ${agoSql}
         order by finished_at limit ? for update skip locked)`,
      [ageMs, limit],
    );
    return count;
  }
}

function newValues(entry: NewEntry, owner: string): readonly Binding[] {
  return [
    entry.uniqueId,
    owner,
    entry.method,
    entry.version,
    entry.backend,
    JSON.stringify(entry.args),
    JSON.stringify(entry.context),
    entry.resourceType,
    entry.resourceId,
    entry.origin,
  ];
}

function toEntry(row: EntryRow): JournalEntry {
  const { id, method, version, backend, origin, owner, claim } = row;
  return {
    ...{ id, method, version, backend, origin, owner, claim },
    uniqueId: row.unique_id,
    args: parseObject(row.args),
    context: parseObject(row.context),
    notes: parseObject(row.notes),
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    receivedAt: row.received_at,
  };
}

const byId = (a: JournalEntry, b: JournalEntry): number => (BigInt(a.id) < BigInt(b.id) ? -1 : 1);
