import mysql from 'mysql2/promise';
import pg from 'pg';
import type { Database } from '../../../src/db/database.ts';
import type { DatabaseOptions } from '../../../src/db/database-options.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { syncDatabase } from '../../../src/db/sync-database.ts';
import { sharedMariadbDatabase, sharedPostgres } from '../../support/shared-servers.ts';

export const engines = ['postgres', 'mariadb'] as const;
export type Engine = (typeof engines)[number];

/** Values come as texts; times with six digits, conditions as `t` and `f`. */
export type Row = Record<string, unknown>;

export interface Fixture {
  readonly engine: Engine;
  readonly url: string;
  readonly db: Database;
  /** SQL past the repositories that both engines understand, to look and to set the scene. */
  sql<R extends object = Row>(text: string, values?: unknown[]): Promise<R[]>;
  /** Deletes all rows, whatever refers to them. */
  empty(...tables: string[]): Promise<void>;
  /** Moves the times of a column back. */
  backdate(table: string, column: string, seconds: number, where?: string): Promise<void>;
  /** The server ends all connections to the database but this one. */
  disconnectOthers(): Promise<void>;
  /** Another replica's connection to the same database. */
  open(options?: Partial<DatabaseOptions>): Promise<Database>;
  close(): Promise<void>;
}

/** A database of one's own with all tables, and a started `Database` on it. */
export async function startFixture(engine: Engine, options: Partial<DatabaseOptions> = {}): Promise<Fixture> {
  const { url } = await emptyDatabase(engine);
  await syncDatabase(url, { schema: options.schema ?? null });
  const client = await clients[engine](url);
  const opened: Database[] = [];
  const open = async (more: Partial<DatabaseOptions> = {}): Promise<Database> => {
    const db = openDatabase({ url, ...options, ...more });
    opened.push(db);
    await db.start(AbortSignal.timeout(20_000));
    return db;
  };
  const sql = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> =>
    (await client.query(text, values)) as R[];
  return {
    engine,
    url,
    db: await open(),
    open,
    sql,
    empty: (...tables) => client.empty(tables),
    disconnectOthers: () => client.disconnectOthers(),
    backdate: async (table, column, seconds, where = '1 = 1') => {
      const by = engine === 'postgres' ? `interval '${seconds} seconds'` : `interval ${seconds} second`;
      await sql(`update ${table} set ${column} = ${column} - ${by} where ${where}`);
    },
    close: async () => {
      await client.end();
      for (const db of opened) await db.stop({ force: AbortSignal.timeout(2_000) });
    },
  };
}

export const emptyDatabase = (engine: Engine): Promise<{ readonly url: string }> =>
  engine === 'postgres' ? sharedPostgres() : sharedMariadbDatabase();

export interface Client {
  /** `?` stands for a value on both engines. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
  empty(tables: readonly string[]): Promise<void>;
  disconnectOthers(): Promise<void>;
  end(): Promise<void>;
}

export const clients: Readonly<Record<Engine, (url: string) => Promise<Client>>> = {
  postgres: async (url) => {
    const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (text: string) => text } });
    await client.connect();
    const query = async (text: string, values: readonly unknown[] = []): Promise<Row[]> => {
      let count = 0;
      return (
        await client.query<Row>(
          text.replace(/\?/g, () => `$${++count}`),
          [...values],
        )
      ).rows;
    };
    return {
      query,
      empty: async (tables) => {
        await query(`truncate ${tables.map((table) => `"${table}"`).join(', ')} cascade`);
      },
      disconnectOthers: async () => {
        await query(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`);
      },
      end: () => client.end(),
    };
  },
  mariadb: async (url) => {
    const client = await mysql.createConnection({ uri: url, dateStrings: true, typeCast: text, charset: 'utf8mb4' });
    await client.query(
      `set session sql_mode = 'TRADITIONAL,ANSI_QUOTES,PIPES_AS_CONCAT', session time_zone = '+00:00'`,
    );
    const query = async (sql: string, values: readonly unknown[] = []): Promise<Row[]> => {
      const [rows] = await client.query(sql, values as (string | number | boolean | null)[]);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    };
    return {
      query,
      empty: async (tables) => {
        await query('set session foreign_key_checks = 0');
        for (const table of tables) await query(`delete from "${table}"`);
        await query('set session foreign_key_checks = 1');
      },
      disconnectOthers: async () => {
        const others = await query(`select id from information_schema.processlist
          where db = database() and id <> connection_id()`);
        for (const { id } of others) await query(`kill ${String(id)}`);
      },
      end: () => client.end(),
    };
  },
};

/** As the other engine's client gives it. */
function text(field: mysql.TypeCastField): string | null {
  const value = field.string('utf8');
  if (value === null) return null;
  if (field.type === 'DATETIME') return value.includes('.') ? value : `${value}.000000`;
  return field.type === 'TINY' && field.length === 1 ? ({ '0': 'f', '1': 't' }[value] ?? value) : value;
}

/** The one element. */
export function one<T>(values: readonly T[]): T {
  if (values.length !== 1) throw new Error(`${values.length} instead of one`);
  return values[0] as T;
}

/** Lets one course of events wait for another. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
