import { DatabaseError } from '../database.ts';
import { ageMsSql, agoSql, nowSql } from '../dialect.ts';
import type { OwnNames } from '../own-names.ts';
import type { Incarnation, IncarnationRepository } from '../ports/custody.ts';
import type { Session } from '../session.ts';

/** The ids (an array) of the incarnations that were heard of within the bound number of milliseconds. */
export const aliveSql = (names: OwnNames): string =>
  `array(select i.id from ${names.incarnation} i where i.beat_at >= ${agoSql})`;

const forgottenAfterMs = 24 * 3600 * 1000;

export class Incarnations implements IncarnationRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  async register({
    id,
    host,
    pid,
    version,
  }: {
    id: string;
    host: string;
    pid: number;
    version: string;
  }): Promise<void> {
    await this.#session.write(
      `insert into ${this.#names.incarnation} (id, host, pid, version, started_at, beat_at)
       values (?, ?, ?, ?, ${nowSql}, ${nowSql}) on conflict (id) do update set beat_at = excluded.beat_at`,
      [id, host, pid, version],
    );
  }

  /** @throws DatabaseError where the row is gone (removed after a day of silence): register again */
  async beat(id: string): Promise<void> {
    const { count } = await this.#session.write(
      `update ${this.#names.incarnation} set beat_at = ${nowSql} where id = ?`,
      [id],
    );
    if (count === 0) throw new DatabaseError(`the incarnation ${id} has no row any more`, { outcome: 'failed' });
  }

  list(): Promise<readonly Incarnation[]> {
    return this.#session.read<Incarnation>(
      `select id, host, pid, version, started_at as "startedAt", ${ageMsSql('beat_at')} as "beatAgeMs"
       from ${this.#names.incarnation} order by started_at, id`,
    );
  }

  async remove(id: string): Promise<void> {
    await this.#session.write(`delete from ${this.#names.incarnation} where id = ? or beat_at < ${agoSql}`, [
      id,
      forgottenAfterMs,
    ]);
  }
}
