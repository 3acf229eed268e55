import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { UrlSettings } from '../connection-target.ts';

const tls = [
  'ssl_ca',
  'ssl_cert',
  'ssl_key',
  'ssl_cipher',
  'ssl_check_hostname',
  'ssl_verify_cert',
  'ssl_verify_identity',
  'ssl_disabled',
  'ssl_mode',
];
const honoured = ['charset', 'connect_timeout', 'read_timeout', 'unix_socket', 'program_name'];
/** What has no meaning here: how Python reads texts and binds bytes, plug-ins of SQLAlchemy, writes without a limit. */
const withoutEffect = ['use_unicode', 'binary_prefix', 'plugin', 'local_infile', 'write_timeout', 'autocommit'];

/** What PyMySQL and mysqlclient read after the `?`. */
export function mariadbSettings(options: URLSearchParams): UrlSettings {
  for (const name of options.keys()) {
    if (![...tls, ...honoured, ...withoutEffect].includes(name)) throw refusal(`the option ${name} is not known`);
  }
  assertUnicode(options.get('charset'));
  return {
    dialect: 'mariadb',
    defaultPort: 3306,
    socketPath: options.get('unix_socket') ?? undefined,
    ssl: sslOf(options),
    connectTimeoutSeconds: seconds(options, 'connect_timeout'),
    readTimeoutSeconds: seconds(options, 'read_timeout'),
    applicationName: options.get('program_name') ?? undefined,
  };
}

/** The connection speaks utf8mb4, of which the others that can hold Cinder's texts are parts. */
function assertUnicode(charset: string | null): void {
  if (charset === null || ['utf8', 'utf8mb3', 'utf8mb4'].includes(charset)) return;
  throw refusal(`charset=${charset} cannot hold all texts; use utf8 or utf8mb4`);
}

/**
 * As PyMySQL does it: any of the options turns TLS on, a CA turns on the check of the chain, and of the host's name unless
 * `ssl_check_hostname` or the way of `ssl_verify_cert` and `ssl_verify_identity` says otherwise.
 */
function sslOf(options: URLSearchParams): ConnectionOptions | false {
  const mode = modeOf(options);
  const asked = mode !== undefined || tls.some((name) => options.has(name));
  if (!asked || mode === 'DISABLED' || flag(options, 'ssl_disabled') === true) return false;
  const [ca, cert, key] = [file(options, 'ssl_ca'), file(options, 'ssl_cert'), file(options, 'ssl_key')];
  const ciphers = options.get('ssl_cipher') ?? undefined;
  const verify = flag(options, 'ssl_verify_cert') ?? (mode?.startsWith('VERIFY_') === true || ca !== undefined);
  const identity =
    flag(options, 'ssl_verify_identity') ??
    flag(options, 'ssl_check_hostname') ??
    (mode === undefined ? !options.has('ssl_verify_cert') : mode === 'VERIFY_IDENTITY');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ciphers === undefined ? {} : { ciphers }),
    rejectUnauthorized: verify || flag(options, 'ssl_verify_identity') === true,
    ...(identity ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** mysqlclient's; PREFERRED is taken for "no", because the driver cannot try one after the other. */
function modeOf(options: URLSearchParams): string | undefined {
  const mode = options.get('ssl_mode')?.toUpperCase();
  if (mode === undefined || ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'].includes(mode)) return mode;
  if (mode === 'PREFERRED') return 'DISABLED';
  throw refusal(`ssl_mode=${mode} is not known`);
}

function flag(options: URLSearchParams, name: string): boolean | undefined {
  const text = options.get(name)?.toLowerCase();
  if (text === undefined) return undefined;
  if (['true', 'yes', 'on', '1', 'y', 't'].includes(text)) return true;
  if (['false', 'no', 'off', '0', 'n', 'f'].includes(text)) return false;
  throw refusal(`${name}=${text} is neither true nor false`);
}

function file(options: URLSearchParams, name: string): Buffer | undefined {
  const path = options.get(name);
  try {
    return path === null ? undefined : readFileSync(path);
  } catch (error) {
    throw new InvalidInputError('[database] connection', `${name}=${path ?? ''} cannot be read`, { cause: error });
  }
}

function seconds(options: URLSearchParams, name: string): string | undefined {
  const text = options.get(name) ?? undefined;
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text;
  throw refusal(`${name}=${text} is not a number of seconds`);
}

const refusal = (what: string): InvalidInputError => new InvalidInputError('[database] connection', what);
