const mask = '***';

/** `scheme://user:password@` for every host of a list, as in `rabbit://a:b@h1,c:d@h2/`. */
const urlUserInfo = /([a-z][a-z0-9+.-]*:\/\/)([^\s/'"<>]*@)/gi;
const passwordBeforeAt = /:[^:@,]*(?=@)/g;

/** Masks the passwords of all URLs in a text; everything else stays, so that hosts and ports can still be read. */
export function maskUrlPasswords(text: string): string {
  return text.replace(urlUserInfo, (_all, scheme: string, userInfo: string) => {
    return scheme + userInfo.replace(passwordBeforeAt, `:${mask}`);
  });
}

const keyWords =
  'auth_token|adminpass|admin_pass|new_pass|sys_pswd|secret_uuid|passphrase|password|passwd|secret|token|private_key|encrypted_key|fernetkey|sslkey|x-auth-token|x-subject-token|authorization|connection_info_auth';

/** `"auth_token":"…"`, `'password': '…'`, also when the quotes are escaped inside a JSON string. */
const quotedPair = new RegExp(
  `((\\\\*["'])[\\w-]*(?:${keyWords})\\2\\s*[:=]\\s*u?(\\\\*["']))(?:(?!\\3).)*(?=\\3)`,
  'gi',
);
/** `password=…`, `--password …`, `auth_token: …` up to the next white space or sign. */
const barePair = new RegExp(
  `((?:^|[\\s,;{(&?-])[\\w-]*(?:${keyWords})(?:\\s*[=:]\\s*|(?<=--[\\w-]*)\\s+))(?!\\*\\*\\*)[^\\s,;&"'\\\\{}\\[\\]]+`,
  'gi',
);
const anyKey = new RegExp(keyWords, 'i');

/** Takes secrets out of a finished line. */
export type Redact = (line: string) => string;

/**
 * Masks, anywhere in a line: the given values (secret options), passwords in URLs, and the values of keys that sound
 * like a password or a token, in the manner of oslo.utils' `mask_password`. Values shorter than four characters are
 * not searched for: masking every `x` would leave nothing to read.
 */
export function createRedact(secrets: readonly string[]): Redact {
  const values = [...new Set(secrets.flatMap(spellings))].filter((value) => value.length >= 4);
  // Longest first: a secret may be part of another.
  values.sort((a, b) => b.length - a.length);
  return (line) => {
    let clean = line;
    for (const value of values) if (clean.includes(value)) clean = clean.replaceAll(value, mask);
    if (clean.includes('://')) clean = maskUrlPasswords(clean);
    return anyKey.test(clean) ? clean.replace(quotedPair, `$1${mask}`).replace(barePair, `$1${mask}`) : clean;
  };
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
  const passwords = [...secret.matchAll(urlUserInfo)].flatMap(([, , userInfo = '']) => [
    ...userInfo.matchAll(/:([^:@,]*)(?=@)/g),
  ]);
  return passwords.flatMap(([, password = '']) => [password, decoded(password)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
