import type { OwnNames } from '../own-names.ts';
import type { MessageKind, OutboxMessage, OutboxRepository } from '../ports/custody.ts';
import type { Session } from '../session.ts';
import { aliveSql } from './incarnations.ts';
import { parseObject } from './json-text.ts';

const everyKind: readonly MessageKind[] = ['cast', 'fanout', 'notification', 'reply'];

export class Outbox implements OutboxRepository {
  readonly #session: Session;
  readonly #names: OwnNames;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
  }

  async add(messages: readonly OutboxMessage[], owner: string): Promise<void> {
    if (messages.length === 0) return;
    const { now, unlessDuplicate } = this.#session.dialect;
    const values = messages.map(() => `(?, ?, ?, ?, ?, ?, ${now})`).join(', ');
    await this.#session.write(
      `insert into ${this.#names.outbox} (unique_id, owner, kind, topic, server, payload, created_at)
       values ${values} ${unlessDuplicate('unique_id')}`,
      messages.flatMap(({ uniqueId, kind, topic, server, payload }) => [
        uniqueId,
        owner,
        kind,
        topic,
        server,
        JSON.stringify(payload),
      ]),
    );
  }

  /** Two owners may both see a dead one's message and send it: its `uniqueId` tells the receiver. */
  async pending(
    owner: string,
    silentMs: number,
    limit: number,
    kinds: readonly MessageKind[] = everyKind,
  ): Promise<readonly OutboxMessage[]> {
    const { dialect } = this.#session;
    const rows = await this.#session.read<Omit<OutboxMessage, 'payload'> & { payload: string }>(
      `select unique_id as "uniqueId", kind, topic, server, payload from ${this.#names.outbox}
       where (owner = ? or ${dialect.noneOf('owner', aliveSql(this.#names, dialect))}) and ${dialect.anyOf('kind')}
       order by id limit ?`,
      [owner, silentMs, kinds, limit],
    );
    return rows.map((row) => ({ ...row, payload: parseObject(row.payload) }));
  }

  async sent(uniqueIds: readonly string[]): Promise<void> {
    if (uniqueIds.length === 0) return;
    const { anyOf } = this.#session.dialect;
    await this.#session.write(`delete from ${this.#names.outbox} where ${anyOf('unique_id')}`, [uniqueIds]);
  }
}
