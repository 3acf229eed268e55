import type { GlanceMetadataRepository, GlanceOwner } from '../ports/resources.ts';
import type { Session } from '../session.ts';
import type { KeyValues } from './metadata.ts';

export class GlanceMetadata implements GlanceMetadataRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async of(owner: GlanceOwner): Promise<KeyValues> {
    const [column, id] = reference(owner);
    const rows = await this.#session.read<{ key: string; value: string | null }>(
      `select "key", value from volume_glance_metadata where ${column} = ? and deleted = false order by id`,
      [id],
    );
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  }

  async copy(from: GlanceOwner, to: GlanceOwner): Promise<void> {
    const [fromColumn, fromId] = reference(from);
    const [toColumn, toId] = reference(to);
    await this.#session.write(
      `insert into volume_glance_metadata (created_at, deleted, ${toColumn}, "key", value)
       select ${this.#session.dialect.now}, false, ?, g."key", g.value from volume_glance_metadata g
       where g.${fromColumn} = ? and g.deleted = false and not exists (
         select 1 from volume_glance_metadata o where o.${toColumn} = ? and o.deleted = false and o."key" = g."key")
       order by g.id`,
      [toId, fromId, toId],
    );
  }

  async remove(owner: GlanceOwner): Promise<void> {
    const [column, id] = reference(owner);
    await this.#session.write(
      `update volume_glance_metadata set deleted = true, deleted_at = ${this.#session.dialect.now}
       where ${column} = ? and deleted = false`,
      [id],
    );
  }

  async replace(owner: GlanceOwner, values: Readonly<Record<string, string>>): Promise<void> {
    await this.remove(owner);
    const entries = Object.entries(values);
    if (entries.length === 0) return;
    const [column, id] = reference(owner);
    const rows = entries.map(() => `(${this.#session.dialect.now}, false, ?, ?, ?)`).join(', ');
    await this.#session.write(
      `insert into volume_glance_metadata (created_at, deleted, ${column}, "key", value) values ${rows}`,
      entries.flatMap(([key, value]) => [id, key, value]),
    );
  }
}

function reference(owner: GlanceOwner): readonly [column: string, id: string] {
  return 'volumeId' in owner ? ['volume_id', owner.volumeId] : ['snapshot_id', owner.snapshotId];
}
