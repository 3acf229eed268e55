import { DatabaseError } from '../database.ts';
import type { Dialect } from '../dialect.ts';
import type { OwnNames } from '../own-names.ts';
import type { Incarnation, IncarnationRepository, NewIncarnation } from '../ports/custody.ts';
import type { Session } from '../session.ts';

/** The ids of the incarnations that were heard of within the bound number of milliseconds. */
export const aliveSql = (names: OwnNames, { ago }: Dialect): string =>
  `select i.id from ${names.incarnation} i where i.beat_at >= ${ago}`;

export class Incarnations implements IncarnationRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  async register({ id, host, pid, version, serves }: NewIncarnation): Promise<void> {
    const { now, onDuplicate, proposed } = this.#session.dialect;
    await this.#session.write(
      `insert into ${this.#names.incarnation} (id, host, pid, version, serves, started_at, beat_at)
       values (?, ?, ?, ?, ?, ${now}, ${now}) ${onDuplicate('id', `beat_at = ${proposed('beat_at')}`)}`,
      [id, host, pid, version, JSON.stringify(serves)],
    );
  }

  /** @throws DatabaseError where the row is gone (removed after a day of silence): register again */
  async beat(id: string): Promise<void> {
    const { count } = await this.#session.write(
      `update ${this.#names.incarnation} set beat_at = ${this.#session.dialect.now} where id = ?`,
      [id],
    );
    if (count === 0) throw new DatabaseError(`the incarnation ${id} has no row any more`, { outcome: 'failed' });
  }

  async setProbe(id: string, holds: boolean): Promise<void> {
    await this.#session.write(
      `update ${this.#names.incarnation} set holds_probe = ? where id = ? and holds_probe <> ?`,
      [holds, id, holds],
    );
  }

  async list(): Promise<readonly Incarnation[]> {
    const rows = await this.#session.read<Omit<Incarnation, 'serves'> & { readonly serves: string }>(
      `select id, host, pid, version, serves, started_at as "startedAt", ${this.#session.dialect.ageMs('beat_at')} as "beatAgeMs",
         holds_probe as "holdsProbe"
       from ${this.#names.incarnation} order by started_at, id`,
    );
    return rows.map((row) => ({ ...row, serves: JSON.parse(row.serves) as readonly string[] }));
  }

  async remove(id: string): Promise<void> {
    await this.#session.write(`delete from ${this.#names.incarnation} where id = ?`, [id]);
  }

  async purge(ageMs: number, limit: number): Promise<number> {
    const { ago, deleteFirst } = this.#session.dialect;
    const { count } = await this.#session.write(
      deleteFirst(this.#names.incarnation, 'id', `beat_at < ${ago}`, 'beat_at'),
      [ageMs, limit],
    );
    return count;
  }
}
