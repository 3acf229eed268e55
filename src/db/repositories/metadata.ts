import { identifier, nowSql } from '../dialect.ts';
import type { Binding, Session } from '../session.ts';

export type KeyValues = Readonly<Record<string, string | null>>;

/** A table of keys and values that hang on a row, soft-deleted as all of Cinder's. */
export interface MetadataTable {
  readonly table: string;
  /** The column that refers to the owner, and the owner's table. */
  readonly column: string;
  readonly owners: string;
}

export async function readMetadata(session: Session, of: MetadataTable, id: string): Promise<KeyValues> {
  const rows = await session.read<{ key: string; value: string | null }>(
    `select key, value from ${identifier(of.table)} where ${identifier(of.column)} = ? and deleted = false order by id`,
    [id],
  );
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/**
 * Adds, replaces, and (null) removes keys. No constraint keeps a key from being there twice, so writers take turns on
 * the owner's row.
 */
export async function mergeMetadata(
  session: Session,
  of: MetadataTable,
  id: string,
  changes: KeyValues,
): Promise<void> {
  const keys = Object.keys(changes);
  if (keys.length === 0) return;
  const set = keys.filter((key) => changes[key] !== null);
  const bindings: Binding[] = [set, set.map((key) => changes[key] ?? null)];
  const [table, column] = [identifier(of.table), identifier(of.column)];
  await session.atomically(async (tx) => {
    await tx.read(`select id from ${identifier(of.owners)} where id = ? for update`, [id]);
    await tx.write(
      `update ${table} set deleted = true, deleted_at = ${nowSql}
       where ${column} = ? and deleted = false and key = any(?::text[]) and key <> all (?::text[])`,
      [id, keys, set],
    );
    if (set.length === 0) return;
    await tx.write(
      `with wanted as (select * from unnest(?::text[], ?::text[]) as w (key, value)),
       changed as (
         update ${table} m set value = w.value, updated_at = ${nowSql} from wanted w
         where m.${column} = ? and m.deleted = false and m.key = w.key returning m.key)
       insert into ${table} (created_at, deleted, ${column}, key, value)
       select ${nowSql}, false, ?::text, w.key, w.value from wanted w where w.key not in (select key from changed)`,
      [...bindings, id, id],
    );
  });
}
