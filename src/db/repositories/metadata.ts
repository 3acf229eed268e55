import { identifier, nowSql } from '../dialect.ts';
import type { Session } from '../session.ts';

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
 * the owner's row. Most often all is as wanted already.
 */
export async function mergeMetadata(
  session: Session,
  of: MetadataTable,
  id: string,
  changes: KeyValues,
): Promise<void> {
  const keys = Object.keys(changes);
  if (keys.length === 0) return;
  const [table, column] = [identifier(of.table), identifier(of.column)];
  await session.atomically(async (tx) => {
    const rows = await tx.read<{ key: string | null; value: string | null }>(
      `select m.key, m.value from ${identifier(of.owners)} o
       left join ${table} m on m.${column} = o.id and m.deleted = false and m.key = any(?::text[])
       where o.id = ? for update of o`,
      [keys, id],
    );
    const found = new Map(rows.map(({ key, value }) => [key, value]));
    if (keys.every((key) => (found.get(key) ?? null) === changes[key])) return;
    const set = keys.filter((key) => changes[key] !== null);
    const values = set.map((key) => changes[key] ?? null);
    await tx.write(setSql(table, column), [set, values, id, keys.filter((key) => changes[key] === null), id, id]);
  });
}

/** Bindings: keys and values to be set, owner, keys to be removed, owner, owner. */
const setSql = (table: string, column: string): string =>
  `with wanted as (select * from unnest(?::text[], ?::text[]) as w (key, value)),
   removed as (
     update ${table} set deleted = true, deleted_at = ${nowSql}
     where ${column} = ? and deleted = false and key = any(?::text[])),
   changed as (
     update ${table} m set value = w.value, updated_at = ${nowSql} from wanted w
     where m.${column} = ? and m.deleted = false and m.key = w.key returning m.key)
   insert into ${table} (created_at, deleted, ${column}, key, value)
   select ${nowSql}, false, ?::text, w.key, w.value from wanted w where w.key not in (select key from changed)`;
