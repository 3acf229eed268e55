import type { Logger } from '../log/logger.ts';
import { silentLogger } from '../log/logger.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { ownNames } from './own-names.ts';
import { PoolSession } from './pool-session.ts';
import { Pool } from './pool.ts';
import { migrate, missing, schemaState } from './schema.ts';
import type { Session } from './session.ts';
import { upstreamProblem } from './upstream-schema.ts';

export interface SyncOptions {
  /** Schema of our own tables; null: beside Cinder's. */
  readonly schema?: string | null;
  readonly log?: Logger;
}

export interface SyncResult {
  /** Upstream's migrations rule here; only our own tables were made. */
  readonly upstreamOwned: boolean;
  /** Names of the migrations that were run now. */
  readonly applied: readonly string[];
}

/**
 * `db sync`: Cinder's tables where there are none, and our own. Any number of processes may do it at once.
 *
 * @throws DatabaseError without a connection, SchemaError (with the SQL) without the right to create tables
 */
export function syncDatabase(url: string, options: SyncOptions = {}): Promise<SyncResult> {
  return withSession(url, options, async (session, schema) => {
    const names = ownNames(schema);
    const { upstreamOwned, cinder } = await schemaState(session, names, schema);
    // Tables that nobody's migrations account for are somebody's all the same: nothing is laid over them.
    const ofCinder = upstreamOwned || cinder ? [] : await migrate(session, names, schema, 'cinder');
    return { upstreamOwned, applied: [...ofCinder, ...(await migrate(session, names, schema, 'own'))] };
  });
}

export interface CheckResult {
  readonly upstreamOwned: boolean;
  /** One sentence each; empty: all is there. */
  readonly problems: readonly string[];
}

/** `db check`: what is missing. Changes nothing. */
export function checkDatabase(url: string, options: SyncOptions = {}): Promise<CheckResult> {
  return withSession(url, options, async (session, schema) => {
    const state = await schemaState(session, ownNames(schema), schema);
    const ofUpstream = state.upstreamOwned ? await upstreamProblem(session) : null;
    return {
      upstreamOwned: state.upstreamOwned,
      problems: [
        ...(state.cinder ? [] : ["Cinder's tables are missing"]),
        ...(ofUpstream === null ? [] : [ofUpstream]),
        ...missing(state, 'own').map(({ name }) => `our own tables are not up to date: ${name} was not run`),
      ],
    };
  });
}

/** Drops our own tables, for the way back to upstream's service. Nobody may be using them. */
export function dropOwnTables(url: string, options: SyncOptions = {}): Promise<void> {
  return withSession(url, options, async (session, schema) => {
    const names = ownNames(schema);
    for (const table of ownTableNames) await session.write(`drop table if exists ${names.own(table)}`);
  });
}

const ownTableNames = ['aa_outbox', 'aa_journal', 'aa_fence', 'aa_incarnation', 'aa_migrations'];

async function withSession<T>(
  url: string,
  options: SyncOptions,
  work: (session: Session, schema: string | null) => Promise<T>,
): Promise<T> {
  const pool = new Pool({
    target: parseDatabaseUrl(url),
    maxPoolSize: 1,
    maxOverflow: 0,
    recycleMs: -1,
    poolTimeoutMs: 30_000,
    statementTimeoutMs: 120_000,
    idleTransactionMs: 60_000,
    wsrepSyncWait: 0,
    log: options.log ?? silentLogger,
  });
  const retry = { maxRetries: 5, initialMs: 100, maxMs: 2_000 };
  try {
    return await work(
      new PoolSession(pool, retry, new AbortController().signal, () => undefined),
      options.schema ?? null,
    );
  } finally {
    await pool.destroy();
  }
}
