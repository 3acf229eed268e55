import { migrations } from '../../migrations/index.ts';
import type { Migration } from '../../migrations/migration.ts';
import { AppError } from '../kernel/errors.ts';
import { DatabaseError } from './database.ts';
import { identifier, nowSql } from './dialect.ts';
import type { OwnNames } from './own-names.ts';
import type { Session } from './session.ts';

/** The tables are not as this release needs them; the message says what to do, with SQL where that is the answer. */
export class SchemaError extends AppError {
  readonly code = 'SCHEMA';
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { ...options, outcome: 'not-started' });
  }
}

/** What the database holds. */
export interface SchemaState {
  /** Upstream's migrations rule here (there is an `alembic_version`): Cinder's tables are never touched. */
  readonly upstreamOwned: boolean;
  /** Cinder's tables are there, by whomever they were made. */
  readonly cinder: boolean;
  /** Migrations of ours that were run. */
  readonly applied: ReadonlySet<string>;
}

/**
 * At the start of a replica: makes our own tables where they are missing. Cinder's are never made by a replica.
 *
 * @throws SchemaError without Cinder's tables, or without the right to make ours (with the SQL)
 */
export async function prepareSchema(session: Session, names: OwnNames, schema: string | null): Promise<void> {
  const state = await schemaState(session, names);
  if (!state.cinder) {
    throw new SchemaError("Cinder's tables are not in this database: cinder-volume-aa db sync makes them");
  }
  if (missing(state, 'own').length > 0) await migrate(session, names, schema, 'own');
}

/** Migrations of a scope that were not run. */
export function missing(state: SchemaState, scope: Migration['scope']): readonly Migration[] {
  return migrations.filter((migration) => migration.scope === scope && !state.applied.has(migration.name));
}

export async function schemaState(session: Session, names: OwnNames): Promise<SchemaState> {
  const rows = await session.read<{ alembic: boolean; cinder: boolean; ours: boolean }>(
    `select to_regclass('alembic_version') is not null as alembic, to_regclass('volumes') is not null as cinder,
       to_regclass(?) is not null as ours`,
    [names.own('aa_migrations')],
  );
  const { alembic = false, cinder = false, ours = false } = rows[0] ?? {};
  const applied = ours ? await session.read<{ name: string }>(`select name from ${names.own('aa_migrations')}`) : [];
  return { upstreamOwned: alembic, cinder, applied: new Set(applied.map(({ name }) => name)) };
}

/**
 * Runs what is missing of a scope, in one transaction under one lock: of processes that start at once the first does
 * it and the others find it done; one that is killed in the middle leaves nothing.
 *
 * @returns the names of the migrations that were run now
 */
export async function migrate(
  session: Session,
  names: OwnNames,
  schema: string | null,
  scope: Migration['scope'],
): Promise<readonly string[]> {
  // Tables that somebody with the right has made need no right any more.
  if (missing(await schemaState(session, names), scope).length === 0) return [];
  try {
    return await session.atomically(async (tx) => {
      await tx.read(`select pg_advisory_xact_lock(hashtextextended('cinder-volume-aa migrations', 0))`);
      for (const statement of bookkeeping(names, schema)) await tx.write(statement);
      const todo = missing(await schemaState(tx, names), scope);
      for (const migration of todo) await apply(tx, names, migration);
      return todo.map(({ name }) => name);
    });
  } catch (error) {
    throw withoutRight(error) ? new SchemaError(adviceSql(names, schema, scope), { cause: error }) : error;
  }
}

async function apply(tx: Session, names: OwnNames, migration: Migration): Promise<void> {
  for (const statement of migration.statements(names)) await tx.write(statement);
  await tx.write(`insert into ${names.own('aa_migrations')} (name, applied_at) values (?, ${nowSql})`, [
    migration.name,
  ]);
}

/** The schema is only made where it is missing: `if not exists` asks for the right to make one all the same. */
function bookkeeping(names: OwnNames, schema: string | null): readonly string[] {
  const makeSchema = `do $$ begin if to_regnamespace('${schema ?? ''}') is null then create schema ${identifier(schema ?? 'x')}; end if; end $$`;
  return [
    ...(schema === null ? [] : [makeSchema]),
    `create table if not exists ${names.own('aa_migrations')} (
  name varchar(255) primary key,
  applied_at timestamp not null
)`,
  ];
}

const withoutRight = (error: unknown): boolean => error instanceof DatabaseError && error.sqlState === '42501';

function adviceSql(names: OwnNames, schema: string | null, scope: Migration['scope']): string {
  const todo = migrations.filter((migration) => migration.scope === scope);
  const statements = [
    ...bookkeeping(names, schema),
    ...todo.flatMap((migration) => [
      ...migration.statements(names),
      `insert into ${names.own('aa_migrations')} (name, applied_at) values ('${migration.name}', ${nowSql})`,
    ]),
  ];
  return `the database user may not create tables. Let its owner run this, and grant the user select, insert, update and delete on them:\n${statements.join(';\n')};\n`;
}
