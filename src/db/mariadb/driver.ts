import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Knex } from 'knex';
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket, SslOptions, TypeCastField } from 'mysql2';
import { mysqlSocket } from '../../kernel/mysql-socket.ts';
import { withoutNul, type Driver } from '../driver.ts';
import type { ConnectionTarget } from '../connection-target.ts';
import type { PoolOptions } from '../pool-options.ts';
import type { Binding } from '../session.ts';
import { mariadb } from './dialect.ts';
import { settingNames, settingsSql } from './settings.ts';

/** MariaDB, its Galera clusters and MySQL by `mysql2`. */
export const mariadbDriver: Driver = {
  dialect: mariadb,
  config: (options) =>
    ({
      client: 'mysql2',
      // Spares a query per connection: knex would look for features that are not used here.
      version: '10.6',
      connection: () => connectionConfig(options),
      pool: { afterCreate: prepare(options) },
    }) as Knex.Config,
  abandon: (connection) => {
    (connection as Connection).destroy();
  },
  storable,
  written: (result) => {
    const [first] = result as [RowDataPacket[] | ResultSetHeader];
    return Array.isArray(first) ? { rows: first, count: first.length } : { rows: [], count: first.affectedRows };
  },
};

/** Lists become `'a', 'b'`, lists of them `('a', 1), ('b', 2)`; one without elements is equal to nothing. */
function storable(binding: Binding): unknown {
  if (typeof binding === 'string') return withoutNul(binding);
  if (!Array.isArray(binding)) return binding;
  return binding.length === 0 ? [null] : binding.map(storable);
}

/** mysql2 counts rows that were found, not only those that changed, as a compare-and-set needs it. */
function connectionConfig({ target }: PoolOptions): ConnectionOptions {
  return {
    ...addressOf(target),
    database: target.database,
    ...(target.user === undefined ? {} : { user: target.user }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(typeof target.ssl === 'object' && { ssl: sslOptions(target.ssl) }),
    connectTimeout: target.connectTimeoutMs,
    connectAttributes: { program_name: target.applicationName },
    // Cinder's own tables have less; what a message says must fit into ours.
    charset: 'utf8mb4_general_ci',
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    stringifyObjects: true,
    typeCast,
  };
}

function addressOf({ socketPath, host, port }: ConnectionTarget): ConnectionOptions {
  return socketPath === undefined ? { host, port, stream: () => mysqlSocket(host, port) } : { socketPath };
}

/** In mysql2's words; it keeps to itself how it checks the server's name. */
function sslOptions(ssl: TlsOptions): SslOptions {
  const { checkServerIdentity, ...rest } = ssl;
  return { ...rest, verifyIdentity: checkServerIdentity === undefined } as SslOptions;
}

/** Timestamps stay texts, always with six digits; `tinyint(1)` is what Python's services keep booleans in. */
function typeCast(field: TypeCastField, next: () => unknown): unknown {
  if (field.type === 'DATETIME' || field.type === 'TIMESTAMP') return withMicroseconds(field.string());
  if (field.type !== 'TINY' || field.length !== 1) return next();
  const text = field.string();
  return text === null ? null : text !== '0';
}

function withMicroseconds(text: string | null): string | null {
  if (text === null) return null;
  const [seconds = '', fraction = ''] = text.split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}`;
}

type Done = (error: Error | null, connection: Connection) => void;

/** Asks which settings this server knows, and sets them. */
function prepare(options: PoolOptions) {
  return (connection: Connection, done: Done): void => {
    const names = settingNames.map((name) => `'${name}'`).join(', ');
    const known = `show variables where variable_name in (${names})`;
    connection.query<RowDataPacket[]>(known, (error, rows) => {
      if (error !== null) {
        done(error, connection);
        return;
      }
      const found = new Set(rows.map((row) => String(row['Variable_name'])));
      connection.query(settingsSql(found, options), (failed) => done(failed, connection));
    });
  };
}
