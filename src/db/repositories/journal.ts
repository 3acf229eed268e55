import type { JsonObject } from '../../domain/json.ts';
import { ClaimLostError } from '../database.ts';
import { custodyOf } from '../custody-of.ts';
import type { CustodyStatements } from '../custody-statements.ts';
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
import type { Session } from '../session.ts';
import { aliveSql } from './incarnations.ts';
import { parseObject } from './json-text.ts';
import { newColumns } from './new-entry.ts';

interface EntryRow extends Omit<JournalEntry, 'uniqueId' | 'args' | 'context' | 'notes'> {
  readonly unique_id: string;
  readonly args: string;
  readonly context: string;
  readonly notes: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly received_at: string;
}

/** Of an entry's end: MariaDB's column has 64 KiB, and a group's end names what went wrong with each of its members. */
const mostDetail = 10_000;

const entryColumns = `${newColumns}, id, claim, notes`;

export class Journal implements JournalRepository {
  readonly #session: Session;
  readonly #names: OwnNames;
  readonly #custody: CustodyStatements;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
    this.#custody = custodyOf(session.dialect, names);
  }

  async receive(entries: readonly NewEntry[], owner: string): Promise<readonly JournalEntry[]> {
    if (entries.length === 0) return [];
    const rows = await this.#custody.receive(this.#session, entries, owner);
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
    const row = await this.#custody.claim(this.#session, entryId, owner, [...new Set(lockNames)], worker);
    if (row === null) return null;
    return { entryId, number: row.claim, tokens: row.tokens, notes: parseObject(row.notes) };
  }

  async note(claim: Claim, notes: JsonObject): Promise<void> {
    if (await this.#custody.note(this.#session, claim, notes)) return;
    throw new ClaimLostError(`journal entry ${claim.entryId}`);
  }

  async finish(claim: Claim, outcome: EntryOutcome, detail: string | null, worked?: WorkedOn): Promise<void> {
    // Wrapped, so that without a transaction around it a comparison that fails undoes the update all the same.
    await this.#session.atomically(async (session) => {
      if (await this.#custody.finish(session, claim, outcome, shortened(detail), worked)) return;
      throw new ClaimLostError(`journal entry ${claim.entryId}`);
    });
  }

  async refuse(entryId: string, detail: string): Promise<void> {
    await this.#session.write(
      `update ${this.#names.journal} set finished_at = ${this.#session.dialect.now}, outcome = 'refused', detail = ?
       where id = ? and claim = 0 and finished_at is null`,
      [shortened(detail), entryId],
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

  /** Rows that somebody else is adopting, or is being given, are passed over. */
  adopt(owner: string, backends: readonly string[], silentMs: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#session.atomically(async (tx) => {
      const { anyOf, noneOf } = tx.dialect;
      const rows = await tx.read<EntryRow>(
        `select ${entryColumns} from ${this.#names.journal}
         where finished_at is null and ${anyOf('backend')}
           and (owner is null or (owner <> ? and ${noneOf('owner', aliveSql(this.#names, tx.dialect))}))
         order by id limit ? for update skip locked`,
        [backends, owner, silentMs, limit],
      );
      if (rows.length === 0) return [];
      const ids = rows.map(({ id }) => id);
      await tx.write(`update ${this.#names.journal} set owner = ? where id in (${ids.map(() => '?').join(', ')})`, [
        owner,
        ...ids,
      ]);
      return rows.map((row) => toEntry({ ...row, owner }));
    });
  }

  async outcomeOf(entryId: string): Promise<{ outcome: EntryOutcome | null; claim: number } | null> {
    const rows = await this.#session.read<{ outcome: EntryOutcome | null; claim: number }>(
      `select outcome, claim from ${this.#names.journal} where id = ?`,
      [entryId],
    );
    return rows[0] ?? null;
  }

  async endOf(uniqueId: string): Promise<{ outcome: EntryOutcome | null; detail: string | null } | null> {
    const rows = await this.#session.read<{ outcome: EntryOutcome | null; detail: string | null }>(
      `select outcome, detail from ${this.#names.journal} where unique_id = ?`,
      [uniqueId],
    );
    return rows[0] ?? null;
  }

  async unfinished(backends: readonly string[], limit: number): Promise<readonly JournalEntry[]> {
    const rows = await this.#session.read<EntryRow>(
      `select ${entryColumns} from ${this.#names.journal}
       where finished_at is null and ${this.#session.dialect.anyOf('backend')} order by id limit ?`,
      [backends, limit],
    );
    return rows.map(toEntry);
  }

  async purge(ageMs: number, limit: number): Promise<number> {
    const { ago, deleteFirst } = this.#session.dialect;
    const old = `finished_at < ${ago}`;
    const { count } = await this.#session.write(deleteFirst(this.#names.journal, 'id', old, 'finished_at'), [
      ageMs,
      limit,
    ]);
    return count;
  }
}

function shortened(detail: string | null): string | null {
  return detail === null || detail.length <= mostDetail ? detail : `${detail.slice(0, mostDetail)}…`;
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
