const mask = '***';

/** `scheme://…@`: up to the last `@` of the word, because people write `/` and `@` into passwords as they are. */
const urlUserInfo = /([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s'"<>]*@)/gi;

/** Masks the passwords of all URLs in a text; everything else stays, so that hosts and ports can still be read. */
export function maskUrlPasswords(text: string): string {
  return text.replace(urlUserInfo, (_all, scheme: string, userInfo: string) => {
    const hosts = userInfo.split(',').map((host) => {
      const password = passwordOf(host);
      return password === undefined ? host : host.replace(`:${password}`, () => `:${mask}`);
    });
    return scheme + hosts.join(',');
  });
}

/** The password in one `user:password@host:port` of a list of hosts; what has no `@` may be half of one. */
function passwordOf(host: string): string | undefined {
  const colon = host.indexOf(':');
  const at = host.lastIndexOf('@');
  if (colon < 0 || host.startsWith('[')) return undefined;
  if (at < colon) return /^\d*$/.test(host.slice(colon + 1)) || at >= 0 ? undefined : host.slice(colon + 1);
  return host.slice(colon + 1, at);
}

/** Keys whose values are secret whatever they look like. Any word that contains one counts: `admin_password2`. */
const secretKeys =
  'password|passwd|passphrase|adminpass|admin_pass|new_pass|sys_pswd|secret|private_key|encrypted_key|fernetkey|sslkey|authorization';
/** A fence's token is a number and must be readable; Keystone's never is one. */
const tokenKeys = 'token';
const notANumber = String.raw`(?!\d+(?![\w.+/=-]))`;

const pairs = [...pairPatterns(secretKeys, ''), ...pairPatterns(tokenKeys, notANumber)];
const anyKey = new RegExp(`${secretKeys}|${tokenKeys}`, 'i');

function pairPatterns(keys: string, guard: string): RegExp[] {
  // "auth_token":"…" and 'password': '…', also where the quotes are escaped inside a JSON string.
  const quoted = String.raw`((\\{0,8}["'])[\w-]{0,40}(?:${keys})[\w-]{0,40}\2\s*[:=]\s*u?(\\{0,8}["']))${guard}(?:(?!\3).)+(?=\3)`;
  // password=…, --password …, Authorization: Basic …: up to the next white space or sign.
  const key = String.raw`(?:^|[\s,;{(&?-])[\w-]{0,40}(?:${keys})[\w-]{0,40}`;
  const bare = String.raw`(${key}(?:\s*[=:]\s*|(?<=--[\w-]{0,99})\s+)(?:(?:Basic|Bearer)\s+)?)${guard}[^\s,;&"'\\{}[\]]+`;
  // password="…" with blanks in it.
  const assigned = String.raw`(${key}\s*[=:]\s*(\\{0,8}["']))${guard}(?:(?!\2).)+(?=\2)`;
  return [quoted, assigned, bare].map((source) => new RegExp(source, 'gi'));
}

/** Takes secrets out of a finished line. */
export type Redact = (line: string) => string;

/**
 * Masks, anywhere in a line: the given values (secret options), passwords in URLs, and the values of keys that sound
 * like a password or a token, in the manner of oslo.utils' `mask_password`
 *
 * A value that is short or a plain word (`cinder`, `guest`) is not searched for: masking it in logger names and
 * sentences would leave nothing to read. In URLs and after its key it is masked all the same.
 */
export function createRedact(secrets: readonly string[]): Redact {
  const values = [...new Set(secrets.flatMap(spellings))].filter(isDistinctive);
  // Longest first: a secret may be part of another.
  values.sort((a, b) => b.length - a.length);
  return (line) => {
    let clean = line;
    for (const value of values) if (clean.includes(value)) clean = clean.replaceAll(value, mask);
    if (clean.includes('://')) clean = maskUrlPasswords(clean);
    return anyKey.test(clean) ? pairs.reduce((text, pair) => text.replace(pair, `$1${mask}`), clean) : clean;
  };
}

function isDistinctive(value: string): boolean {
  return value.length >= 6 && (value.length >= 16 || !/^[a-z]+$/i.test(value));
}

/** A secret as it may stand in a line: itself, percent-encoded, inside a JSON string; of a URL its passwords only. */
function spellings(secret: string): string[] {
  return plainSecrets(secret).flatMap((value) => [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
  ]);
}

function plainSecrets(secret: string): string[] {
  if (!secret.includes('://')) return [secret];
  const hosts = [...secret.matchAll(urlUserInfo)].flatMap(([, , userInfo = '']) => userInfo.split(','));
  return hosts.map(passwordOf).flatMap((password = '') => [password, decoded(password)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
