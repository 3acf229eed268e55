import type { ConnectionOptions } from 'node:tls';
import type { Dialect } from './dialect.ts';

/** How a connection is secured; `if offered`: without a check, where the server can (PostgreSQL only). */
export type TlsWish = ConnectionOptions | false | 'if offered';

/** Where and as whom to connect, in the driver's terms. */
export interface ConnectionTarget {
  readonly dialect: Dialect['name'];
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** A Unix socket itself, in place of host and port. */
  readonly socketPath: string | undefined;
  readonly database: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly ssl: TlsWish;
  readonly connectTimeoutMs: number;
  /** After this long without an answer a statement is given up; undefined: as long as a statement may take. */
  readonly readTimeoutMs: number | undefined;
  readonly applicationName: string;
}

/** What an option after the `?` gives where the URL itself says nothing, and what only an option says. */
export interface UrlSettings {
  readonly dialect: Dialect['name'];
  readonly defaultPort: number;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly socketPath?: string | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly ssl: TlsWish;
  readonly connectTimeoutSeconds?: string | undefined;
  readonly readTimeoutSeconds?: string | undefined;
  readonly applicationName?: string | undefined;
}
