import { InvalidInputError } from '../kernel/errors.ts';
import type { ConnectionTarget, UrlSettings } from './connection-target.ts';
import { mariadbSettings } from './mariadb/url.ts';
import { postgresSettings } from './postgres/url.ts';

const grammar =
  /^(?<dialect>[a-z]+)(?:\+(?<driver>\w+))?:\/\/(?:(?<user>[^:/@]*)(?::(?<password>.*))?@)?(?:\[(?<ipv6>[^\]]+)\]|(?<host>[^/:?]*))(?::(?<port>\d+))?(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/;

const dialects: Readonly<Record<string, (options: URLSearchParams) => UrlSettings>> = {
  postgresql: postgresSettings,
  postgres: postgresSettings,
  mysql: mariadbSettings,
  mariadb: mariadbSettings,
};

/**
 * Reads `[database] connection` as SQLAlchemy writes it, with the options of libpq, PyMySQL or mysqlclient after the
 * `?`. The text itself, which holds the password, is in no error.
 */
export function parseDatabaseUrl(url: string): ConnectionTarget {
  const parts = grammar.exec(url)?.groups;
  if (parts === undefined) throw new InvalidInputError('[database] connection', 'is not a SQLAlchemy database URL');
  const settings = dialects[parts['dialect'] ?? '']?.(new URLSearchParams(parts['query'] ?? ''));
  if (settings === undefined) {
    throw new InvalidInputError('[database] connection', `the dialect ${parts['dialect'] ?? ''} is not supported`);
  }
  return {
    dialect: settings.dialect,
    host: parts['ipv6'] ?? (decode(parts['host']) || settings.host || '127.0.0.1'),
    port: Number(parts['port'] ?? settings.port ?? settings.defaultPort),
    socketPath: settings.socketPath,
    database: decode(parts['database']) || settings.database || 'cinder',
    user: decode(parts['user']) || settings.user,
    password: decode(parts['password']) || settings.password,
    ssl: settings.ssl,
    connectTimeoutMs: Number(settings.connectTimeoutSeconds ?? 10) * 1000,
    readTimeoutMs: settings.readTimeoutSeconds === undefined ? undefined : Number(settings.readTimeoutSeconds) * 1000,
    applicationName: settings.applicationName ?? 'cinder-volume-aa',
  };
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    // A lone `%`: SQLAlchemy takes it as it stands.
    return text ?? '';
  }
}
