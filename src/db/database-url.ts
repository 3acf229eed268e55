import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { InvalidInputError } from '../kernel/errors.ts';

/** Where and as whom to connect, in the driver's terms. */
export interface ConnectionTarget {
  readonly dialect: 'postgres';
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly ssl: ConnectionOptions | false;
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
}

const grammar =
  /^(?<dialect>[a-z]+)(?:\+(?<driver>\w+))?:\/\/(?:(?<user>[^:/@]*)(?::(?<password>.*))?@)?(?:\[(?<ipv6>[^\]]+)\]|(?<host>[^/:?]*))(?::(?<port>\d+))?(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/;

/**
 * Reads `[database] connection` as SQLAlchemy writes it, with libpq's options after the `?`. The text itself, which
 * holds the password, is in no error.
 */
export function parseDatabaseUrl(url: string): ConnectionTarget {
  const parts = grammar.exec(url)?.groups;
  if (parts === undefined) throw new InvalidInputError('[database] connection', 'is not a SQLAlchemy database URL');
  if (!['postgresql', 'postgres'].includes(parts['dialect'] ?? '')) {
    throw new InvalidInputError('[database] connection', `the dialect ${parts['dialect'] ?? ''} is not supported`);
  }
  const options = new URLSearchParams(parts['query'] ?? '');
  return {
    dialect: 'postgres',
    host: parts['ipv6'] ?? (decode(parts['host']) || options.get('host') || '127.0.0.1'),
    port: Number(parts['port'] ?? options.get('port') ?? 5432),
    database: decode(parts['database']) || options.get('dbname') || 'cinder',
    user: decode(parts['user']) || (options.get('user') ?? undefined),
    password: decode(parts['password']) || (options.get('password') ?? undefined),
    ssl: sslOf(options),
    connectTimeoutMs: Number(options.get('connect_timeout') ?? 10) * 1000,
    applicationName: options.get('application_name') ?? 'cinder-volume-aa',
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

/** libpq's `sslmode`; `allow` and `prefer` are taken for "no", because the driver cannot try one after the other. */
function sslOf(options: URLSearchParams): ConnectionOptions | false {
  const mode = options.get('sslmode') ?? 'prefer';
  if (['disable', 'allow', 'prefer'].includes(mode)) return false;
  if (!['require', 'verify-ca', 'verify-full'].includes(mode)) {
    throw new InvalidInputError('[database] connection', `sslmode=${mode} is not known`);
  }
  const file = (name: string): Buffer | undefined => {
    const path = options.get(name);
    return path === null ? undefined : readFileSync(path);
  };
  const [ca, cert, key] = [file('sslrootcert'), file('sslcert'), file('sslkey')];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // As libpq does it: `require` checks the chain only where a root certificate is named.
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}
