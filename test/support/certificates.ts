import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files in PEM format. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** The authority that signed the others. */
  readonly ca: string;
  /** For 127.0.0.1, and no name. */
  readonly server: KeyPair;
  readonly client: KeyPair;
}

/** An authority of the test's own, and what it signed, in this folder: made by `openssl`. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  // The system's own would add its extensions to ours.
  await writeFile(configOf(dir), '[req]\ndistinguished_name=name\n[name]\n');
  const authority = await makePair(dir, 'ca', ['-addext', 'basicConstraints=critical,CA:true']);
  const signed = ['-CA', authority.cert, '-CAkey', authority.key];
  const server = await makePair(dir, 'server', [...signed, '-addext', 'subjectAltName=IP:127.0.0.1']);
  return { ca: authority.cert, server, client: await makePair(dir, 'client', signed) };
}

const configOf = (dir: string): string => join(dir, 'openssl.cnf');

async function makePair(dir: string, name: string, more: readonly string[]): Promise<KeyPair> {
  const pair = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
  const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-config', configOf(dir), '-keyout', pair.key, '-out', pair.cert];
  await run('openssl', ['req', '-x509', ...algorithm, ...files, '-days', '2', '-subj', `/CN=test ${name}`, ...more]);
  return pair;
}
