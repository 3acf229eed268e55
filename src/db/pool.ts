import knexModule, { type Knex } from 'knex';
import pg from 'pg';
import type { Logger } from '../log/logger.ts';
import type { ConnectionTarget } from './database-url.ts';
import { databaseError, type Stage } from './failure.ts';
import type { Binding, Written } from './session.ts';

export interface PoolOptions {
  readonly target: ConnectionTarget;
  /** Connections that are kept; 0: as many as there are. */
  readonly maxPoolSize: number;
  /** Connections beyond; -1: no limit. */
  readonly maxOverflow: number;
  /** Age at which a connection is replaced; negative: never. */
  readonly recycleMs: number;
  /** How long to wait for a free connection. */
  readonly poolTimeoutMs: number;
  /** How long one statement may take before it is given up and its connection closed. */
  readonly statementTimeoutMs: number;
  /** After this long without a statement the server undoes a transaction: a frozen replica blocks nobody for longer. */
  readonly idleTransactionMs: number;
  readonly log: Logger;
}

/** What is used of the connections that the options allow: more would only wait for each other in the server. */
const mostConnections = 20;

/** A connection of the pool, of the driver's make: looked at by the pool alone. */
export interface PooledConnection {
  __knex__disposed?: unknown;
}

interface Answer<R> extends Written<R> {
  /** The server's word for what it did; `ROLLBACK` also as the answer to a commit of what had failed. */
  readonly command: string;
}

/** The part of knex's client that hands out connections. */
interface ConnectionSource {
  acquireConnection(): Promise<PooledConnection>;
  releaseConnection(connection: PooledConnection): Promise<void>;
}

/** knex's pool, and one statement on one of its connections. */
export class Pool {
  readonly #knex: Knex;
  readonly #timeoutMs: number;

  constructor(options: PoolOptions) {
    this.#knex = knexModule.knex(knexConfig(options));
    // Somewhat more than the server's own limit, whose answer says more than silence.
    this.#timeoutMs = options.statementTimeoutMs + 5_000;
  }

  /** @throws DatabaseError with the outcome `not-started` */
  async acquire(): Promise<PooledConnection> {
    try {
      return await this.#source().acquireConnection();
    } catch (thrown) {
      throw databaseError(thrown, 'connect');
    }
  }

  async release(connection: PooledConnection): Promise<void> {
    await this.#source().releaseConnection(connection);
  }

  /** Never to be used again: the pool closes it instead of handing it out. */
  spoil(connection: PooledConnection, reason: unknown): void {
    connection.__knex__disposed ??= reason;
  }

  /** @throws DatabaseError whose outcome follows from `stage` */
  async run<R>(
    connection: PooledConnection,
    stage: Stage,
    sql: string,
    bindings: readonly Binding[] = [],
  ): Promise<Answer<R>> {
    // Known to be broken already: nothing is sent, so a commit has certainly not happened.
    const broken = connection.__knex__disposed !== undefined;
    try {
      const statement = this.#knex.raw(sql, bindings.map(storable) as Knex.RawBinding[]);
      const result: unknown = await statement.connection(connection).timeout(this.#timeoutMs);
      const { rows, rowCount, command } = result as { rows?: R[]; rowCount?: number | null; command?: string };
      return { rows: rows ?? [], count: rowCount ?? 0, command: command ?? '' };
    } catch (thrown) {
      const error = databaseError(thrown, broken ? 'undone' : stage);
      if (error.sqlState === undefined) this.spoil(connection, error);
      throw error;
    }
  }

  async destroy(): Promise<void> {
    await this.#knex.destroy();
  }

  #source(): ConnectionSource {
    return this.#knex.client as ConnectionSource;
  }
}

/** PostgreSQL's text cannot hold U+0000; a message that carries one must not stop the statement that records it. */
function storable(binding: Binding): unknown {
  if (typeof binding === 'string') return binding.replaceAll('\0', '\uFFFD');
  if (typeof binding === 'bigint') return String(binding);
  return Array.isArray(binding) ? binding.map(storable) : binding;
}

function knexConfig(options: PoolOptions): Knex.Config {
  const kept = options.maxPoolSize === 0 ? mostConnections : options.maxPoolSize;
  const max = options.maxOverflow < 0 ? mostConnections : Math.min(mostConnections, kept + options.maxOverflow);
  const log = (text: unknown): void => options.log.debug({ knex: String(text) }, 'database driver');
  return {
    client: 'pg',
    // Spares a query per pool: knex would look for features that are not used here.
    version: '14',
    connection: () => driverConfig(options),
    acquireConnectionTimeout: options.poolTimeoutMs,
    pool: {
      min: 0,
      max: Math.max(1, max),
      idleTimeoutMillis: 60_000,
      createTimeoutMillis: options.target.connectTimeoutMs + 1_000,
      propagateCreateError: true,
      afterCreate: (connection: pg.Client, done: (error: Error | null, connection: pg.Client) => void) =>
        connection.query(sessionSettings(options), (error: Error | null) => done(error, connection)),
      ...(options.recycleMs < 0 ? {} : { maxConnectionLifetimeMillis: options.recycleMs }),
    },
    log: { warn: log, error: log, deprecate: log, debug: log },
  } as Knex.Config;
}

function driverConfig({ target, statementTimeoutMs }: PoolOptions): pg.ClientConfig {
  return {
    host: target.host,
    port: target.port,
    database: target.database,
    ...(target.user === undefined ? {} : { user: target.user }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ssl: target.ssl,
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
  };
}

/** What statements count on, whatever the server's or the role's defaults are. */
function sessionSettings({ idleTransactionMs }: PoolOptions): string {
  return [
    `set datestyle = 'ISO, YMD'`,
    `set timezone = 'UTC'`,
    `set idle_in_transaction_session_timeout = ${idleTransactionMs}`,
    `set session characteristics as transaction isolation level read committed`,
  ].join('; ');
}

type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

/** Timestamps stay texts, always with six digits; all else is the driver's own reading (bigint: a decimal string). */
function getTypeParser(oid: TypeId, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.TIMESTAMP) return withMicroseconds;
  return pg.types.getTypeParser(oid, format ?? 'text') as (value: string) => unknown;
}

function withMicroseconds(text: string): string {
  const [seconds = '', fraction = ''] = text.split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}`;
}
