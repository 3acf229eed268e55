import type { Knex } from 'knex';
import type pg from 'pg';
import type { ConnectionTarget } from '../connection-target.ts';
import { withoutNul, type Driver } from '../driver.ts';
import type { PoolOptions } from '../pool-options.ts';
import type { Binding } from '../session.ts';
import { postgres } from './dialect.ts';
import { offersTls } from './offers-tls.ts';

/** PostgreSQL by `pg`. */
export const postgresDriver: Driver = {
  dialect: postgres,
  config: (options) =>
    ({
      client: 'pg',
      // Spares a query per pool: knex would look for features that are not used here.
      version: '14',
      connection: () => connectionConfig(options),
      pool: { afterCreate: prepare(options) },
    }) as Knex.Config,
  // knex does so by itself where a query is under way.
  abandon: () => undefined,
  storable,
  written: (result) => {
    const { rows, rowCount } = result as { rows?: unknown[]; rowCount?: number | null };
    return { rows: rows ?? [], count: rowCount ?? 0 };
  },
};

function storable(binding: Binding): unknown {
  if (typeof binding === 'string') return withoutNul(binding);
  if (typeof binding === 'bigint') return String(binding);
  return Array.isArray(binding) ? binding.map(storable) : binding;
}

async function connectionConfig({ target, statementTimeoutMs }: PoolOptions): Promise<pg.ClientConfig> {
  return {
    host: target.host,
    port: target.port,
    database: target.database,
    ...(target.user === undefined ? {} : { user: target.user }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ssl: target.ssl === 'if offered' ? await sslIfOffered(target) : target.ssl,
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** A Unix socket has none, and needs none. */
async function sslIfOffered({ host, port, connectTimeoutMs }: ConnectionTarget): Promise<pg.ClientConfig['ssl']> {
  const offered = !host.startsWith('/') && (await offersTls(host, port, AbortSignal.timeout(connectTimeoutMs)));
  return offered && { rejectUnauthorized: false };
}

/** The number of PostgreSQL's type `timestamp without time zone`; the driver's own list would have to be loaded. */
const timestamp = 1114;

/** `pg.Client`, whose declaration takes nothing but the list's own members. */
interface Reader {
  setTypeParser(oid: number, format: 'text', parse: (text: string) => unknown): void;
}

/** Timestamps stay texts, always with six digits; all else is the driver's own reading (bigint: a decimal string). */
function prepare(options: PoolOptions) {
  return (connection: pg.Client, done: (error: Error | null, connection: pg.Client) => void): void => {
    (connection as Reader).setTypeParser(timestamp, 'text', withMicroseconds);
    connection.query(sessionSettings(options), (error: Error | null) => done(error, connection));
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

function withMicroseconds(text: string): string {
  const [seconds = '', fraction = ''] = text.split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}`;
}
