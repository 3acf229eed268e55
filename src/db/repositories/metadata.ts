import { identifier } from '../dialect.ts';
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
    `select "key", value from ${identifier(of.table)} where ${identifier(of.column)} = ? and deleted = false order by id`,
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
  await session.atomically(async (tx) => {
    const found = await lockMetadata(tx, of, id, keys);
    const wrong = keys.filter((key) => (found.get(key) ?? null) !== changes[key]);
    for (const key of wrong.filter((name) => found.has(name))) await replace(tx, of, id, key, changes[key] ?? null);
    for (const key of wrong.filter((name) => !found.has(name))) await insert(tx, of, id, key, changes[key] ?? null);
  });
}

/**
 * The values of those of the keys that are there. The owner's row is locked first, by a statement of its own: one that
 * waited for the lock and read at once would read what was there before the wait.
 */
async function lockMetadata(
  tx: Session,
  of: MetadataTable,
  id: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  await tx.read(`select id from ${identifier(of.owners)} where id = ? for update`, [id]);
  const rows = await tx.read<{ key: string; value: string | null }>(
    `select "key", value from ${identifier(of.table)}
     where ${identifier(of.column)} = ? and deleted = false and ${tx.dialect.anyOf('"key"')}`,
    [id, keys],
  );
  return new Map(rows.map(({ key, value }) => [key, value]));
}

async function replace(tx: Session, of: MetadataTable, id: string, key: string, value: string | null): Promise<void> {
  const { now } = tx.dialect;
  const set = value === null ? `deleted = true, deleted_at = ${now}` : `value = ?, updated_at = ${now}`;
  await tx.write(
    `update ${identifier(of.table)} set ${set} where ${identifier(of.column)} = ? and "key" = ? and deleted = false`,
    [...(value === null ? [] : [value]), id, key],
  );
}

async function insert(tx: Session, of: MetadataTable, id: string, key: string, value: string | null): Promise<void> {
  await tx.write(
    `insert into ${identifier(of.table)} (created_at, deleted, ${identifier(of.column)}, "key", value)
     values (${tx.dialect.now}, false, ?, ?, ?)`,
    [id, key, value],
  );
}
