import type { Migration } from '../../../migrations/migration.ts';
import { DatabaseError } from '../database.ts';
import { identifier } from '../dialect.ts';
import type { Migrator } from '../migrator.ts';
import type { OwnNames } from '../own-names.ts';
import type { Session } from '../session.ts';
import { mariadb } from './dialect.ts';

/**
 * Without a lock, because a Galera cluster has none that all its nodes know: statements that make a table find it made,
 * and of two that put in the rows one waits at the record's key and then finds it there.
 */
export const mariadbMigrator: Migrator = {
  run: async (session, names, schema, missing) => {
    if (schema !== null && !(await schemaExists(session, schema))) await session.write(createSchema(schema));
    await session.write(createRecords(names));
    const done: string[] = [];
    for (const migration of await missing(session)) {
      if (await apply(session, names, migration)) done.push(migration.name);
    }
    return done;
  },
  sql: (names, schema, todo) => [
    `set session sql_mode = 'TRADITIONAL,ANSI_QUOTES'`,
    ...(schema === null ? [] : [createSchema(schema)]),
    createRecords(names),
    ...todo.flatMap((migration) => {
      const { tables, rows = [], last = [] } = migration.mariadb(names);
      return [...tables, ...rows, recordSql(names, migration), ...last];
    }),
  ],
};

/** False: somebody else has put in the rows. */
async function apply(session: Session, names: OwnNames, migration: Migration): Promise<boolean> {
  const { tables, rows = [], last = [] } = migration.mariadb(names);
  await onOneConnection(session, tables);
  const first = await record(session, names, migration, rows);
  await onOneConnection(session, last);
  return first;
}

/** A transaction that holds nothing together: each statement commits. It keeps the settings that one of them makes. */
const onOneConnection = (session: Session, statements: readonly string[]): Promise<void> =>
  session.atomically(async (tx) => {
    for (const statement of statements) await tx.write(statement);
  });

async function record(
  session: Session,
  names: OwnNames,
  migration: Migration,
  rows: readonly string[],
): Promise<boolean> {
  try {
    await session.atomically(async (tx) => {
      await tx.write(recordSql(names, migration));
      for (const row of rows) await tx.write(row);
    });
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.answer?.code === duplicateKey) return false;
    throw error;
  }
}

const duplicateKey = '1062';

const recordSql = (names: OwnNames, { name }: Migration): string =>
  `insert into ${names.own('aa_migrations')} (name, applied_at) values ('${name}', ${mariadb.now})`;

const createRecords = (names: OwnNames): string =>
  `create table if not exists ${names.own('aa_migrations')} (
  name varchar(255) primary key,
  applied_at datetime(6) not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`;

/** What is a schema elsewhere is a database here. */
const createSchema = (schema: string): string => `create database if not exists ${identifier(schema)}`;

async function schemaExists(session: Session, schema: string): Promise<boolean> {
  const rows = await session.read('select 1 from information_schema.schemata where schema_name = ?', [schema]);
  return rows.length > 0;
}
