import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { UrlSettings } from '../connection-target.ts';

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
