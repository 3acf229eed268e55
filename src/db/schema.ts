import { migrations } from '../../migrations/index.ts';
import type { Migration } from '../../migrations/migration.ts';
import { AppError } from '../kernel/errors.ts';
import { DatabaseError } from './database.ts';
import type { Dialect } from './dialect.ts';
import { mariadbMigrator } from './mariadb/migrator.ts';
import type { Migrator } from './migrator.ts';
import type { OwnNames } from './own-names.ts';
import { postgresMigrator } from './postgres/migrator.ts';
import type { Session } from './session.ts';
import { upstreamProblem } from './upstream-schema.ts';

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
 * @throws SchemaError without Cinder's tables, with those of a release that is not known, or without the right to make
 *   ours (with the SQL)
 */
export async function prepareSchema(session: Session, names: OwnNames, schema: string | null): Promise<void> {
  const state = await schemaState(session, names, schema);
  if (!state.cinder) {
    throw new SchemaError("Cinder's tables are not in this database: cinder-volume-aa db sync makes them");
  }
  const problem = state.upstreamOwned ? await upstreamProblem(session) : null;
  if (problem !== null) throw new SchemaError(problem);
  if (missing(state, 'own').length > 0) await migrate(session, names, schema, 'own');
}

const migrators: Readonly<Record<Dialect['name'], Migrator>> = { postgres: postgresMigrator, mariadb: mariadbMigrator };

/** Migrations of a scope that were not run, or, of Cinder's, not to their end. */
export function missing(state: SchemaState, scope: Migration['scope']): readonly Migration[] {
  const unfinished = scope === 'cinder' && !state.cinder;
  return migrations.filter(
    (migration) => migration.scope === scope && (unfinished || !state.applied.has(migration.name)),
  );
}

export async function schemaState(session: Session, names: OwnNames, schema: string | null): Promise<SchemaState> {
  const { tableExists } = session.dialect;
  const rows = await session.read<{ alembic: unknown; cinder: unknown; ours: unknown }>(
    `select ${tableExists('alembic_version', null)} as alembic, ${tableExists('volumes', null)} as cinder,
       ${tableExists('aa_migrations', schema)} as ours`,
  );
  const { alembic, cinder, ours } = rows[0] ?? {};
  const applied = isTrue(ours)
    ? await session.read<{ name: string }>(`select name from ${names.own('aa_migrations')}`)
    : [];
  return { upstreamOwned: isTrue(alembic), cinder: isTrue(cinder), applied: new Set(applied.map(({ name }) => name)) };
}

/** MariaDB's conditions are numbers. */
const isTrue = (value: unknown): boolean => value === true || Number(value) === 1;

/**
 * Runs what is missing of a scope. Any number of processes may do it at once, and be killed in the middle.
 *
 * @returns the names of the migrations that were run now
 */
export async function migrate(
  session: Session,
  names: OwnNames,
  schema: string | null,
  scope: Migration['scope'],
): Promise<readonly string[]> {
  const todo = async (on: Session): Promise<readonly Migration[]> =>
    missing(await schemaState(on, names, schema), scope);
  // Tables that somebody with the right has made need no right any more.
  if ((await todo(session)).length === 0) return [];
  const migrator = migrators[session.dialect.name];
  try {
    return await migrator.run(session, names, schema, todo);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.answer?.means !== 'denied') throw error;
    const all = migrations.filter((migration) => migration.scope === scope);
    throw new SchemaError(advice(migrator.sql(names, schema, all)), { cause: error });
  }
}

const advice = (statements: readonly string[]): string =>
  `the database user may not create tables. Let its owner run this, and grant the user select, insert, update and delete on them:\n${statements.join(';\n')};\n`;
