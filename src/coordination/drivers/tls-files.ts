import { readFileSync } from 'node:fs';
import type { TlsFiles } from '../backend-spec.ts';

/** What Node's TLS takes, read anew for every connection: certificates are renewed in place. */
export function readTlsFiles(files: TlsFiles): { cert?: Buffer; key?: Buffer; ca?: Buffer } {
  return {
    ...(files.certFile === undefined ? {} : { cert: readFileSync(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { key: readFileSync(files.keyFile) }),
    ...(files.caFile === undefined ? {} : { ca: readFileSync(files.caFile) }),
  };
}
