import { readFileSync } from 'node:fs';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { TlsWish, UrlSettings } from '../connection-target.ts';

/** What libpq reads after the `?`. */
export function postgresSettings(options: URLSearchParams): UrlSettings {
  return {
    dialect: 'postgres',
    defaultPort: 5432,
    host: options.get('host') ?? undefined,
    port: options.get('port') ?? undefined,
    database: options.get('dbname') ?? undefined,
    user: options.get('user') ?? undefined,
    password: options.get('password') ?? undefined,
    ssl: sslOf(options),
    connectTimeoutSeconds: options.get('connect_timeout') ?? undefined,
    applicationName: options.get('application_name') ?? undefined,
  };
}

/** libpq's `sslmode`; `allow` differs from `prefer` only in what it tries first. */
function sslOf(options: URLSearchParams): TlsWish {
  const mode = options.get('sslmode') ?? 'prefer';
  if (mode === 'disable') return false;
  if (['allow', 'prefer'].includes(mode)) return 'if offered';
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
