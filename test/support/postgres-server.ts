import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { freePort } from './free-port.ts';
import { threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface PostgresServer extends TestServer {
  /** Of the superuser, for the database `postgres`. */
  readonly url: string;
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
}

/** fsync is off unless asked for: what is tested is the client, and the folder is thrown away. */
export function startPostgres(options: { fsync?: boolean; settings?: Record<string, string> } = {}) {
  return threeTimes(async (): Promise<PostgresServer> => {
    const port = await freePort();
    let url = '';
    const server = await startTestServer('postgres', {
      port,
      graceMs: 10_000,
      launch: async (dir) => {
        const postgres = await startEmbeddedPostgres({
          dir,
          port,
          fsync: options.fsync ?? false,
          log: silentLogger,
          signal: AbortSignal.timeout(60_000),
          ...(options.settings === undefined ? {} : { settings: options.settings }),
        });
        url = postgres.url;
        return postgres;
      },
    });
    return Object.assign(server, { url, createDatabase: (name: string) => createDatabase(url, name) });
  });
}

/** Makes an empty database on the server of `serverUrl`; returns the URL of the new one. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
