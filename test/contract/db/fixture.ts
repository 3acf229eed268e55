import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Database } from '../../../src/db/database.ts';
import type { DatabaseOptions } from '../../../src/db/database-options.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import type { NewEntry } from '../../../src/db/ports/custody.ts';
import { syncDatabase } from '../../../src/db/sync-database.ts';
import { sharedPostgres } from '../../support/shared-servers.ts';

export interface Fixture {
  readonly url: string;
  readonly db: Database;
  /** SQL past the repositories, to look and to set the scene. */
  sql<R extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<R[]>;
  /** Another replica's connection to the same database. */
  open(options?: Partial<DatabaseOptions>): Promise<Database>;
  close(): Promise<void>;
}

/** A database of one's own with all tables, and a started `Database` on it. */
export async function startFixture(options: Partial<DatabaseOptions> = {}): Promise<Fixture> {
  const { url } = await sharedPostgres();
  await syncDatabase(url, { schema: options.schema ?? null });
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (text: string) => text } });
  await client.connect();
  const opened: Database[] = [];
  const open = async (more: Partial<DatabaseOptions> = {}): Promise<Database> => {
    const db = openDatabase({ url, ...options, ...more });
    opened.push(db);
    await db.start(AbortSignal.timeout(20_000));
    return db;
  };
  return {
    url,
    db: await open(),
    open,
    sql: async <R extends object>(text: string, values: unknown[] = []) =>
      (await client.query<R & pg.QueryResultRow>(text, values)).rows,
    close: async () => {
      await client.end();
      for (const db of opened) await db.stop({ force: AbortSignal.timeout(2_000) });
    },
  };
}

export function newEntry(change: Partial<NewEntry> = {}): NewEntry {
  return {
    uniqueId: randomUUID(),
    method: 'create_volume',
    version: '3.16',
    backend: 'host@nfs',
    args: { volume: { id: 'x' } },
    context: { request_id: 'req-1' },
    resourceType: 'Volume',
    resourceId: randomUUID(),
    origin: 'message',
    ...change,
  };
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
