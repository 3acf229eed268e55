import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { freePort } from './free-port.ts';
import { findProgram } from './programs.ts';
import { startServerProcess, threeTimes } from './server-process.ts';
import { startTestServer, type TestServer } from './test-server.ts';

export interface MariadbServer extends TestServer {
  /** Of root, for the database `mysql`. */
  readonly url: string;
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
}

/** Debian's server, in a folder of its own and as the user who runs the test. Nothing is kept over a crash. */
export function startMariadb(options: { settings?: readonly string[] } = {}): Promise<MariadbServer> {
  return threeTimes(async () => {
    const port = await freePort();
    const url = `mysql://root@127.0.0.1:${port}/mysql`;
    const server = await startTestServer('mariadb', {
      port,
      graceMs: 10_000,
      lastGraceMs: 0,
      launch: async (dir) => {
        const data = join(dir, 'data');
        await initialise(data);
        return startServerProcess({
          name: 'mariadbd',
          argv: [program('mariadbd'), ...common(data), ...listening(dir, port), ...light, ...(options.settings ?? [])],
          cwd: dir,
          logFile: join(dir, 'mariadb.log'),
          ready: () => run(url, 'select 1'),
          readyWithinMs: 60_000,
        });
      },
    });
    return Object.assign(server, {
      url,
      createDatabase: async (name: string) => {
        await run(url, `create database \`${name}\` character set utf8mb4`);
        return `mysql://root@127.0.0.1:${port}/${name}`;
      },
    });
  });
}

const common = (data: string): readonly string[] => [
  '--no-defaults',
  `--datadir=${data}`,
  // The server refuses to run as root unless it is told to.
  ...(process.getuid?.() === 0 ? ['--user=root'] : []),
];

const listening = (dir: string, port: number): readonly string[] => [
  ...['--bind-address=127.0.0.1', `--port=${port}`, '--skip-name-resolve'],
  ...[`--socket=${join(dir, 's')}`, `--pid-file=${join(dir, 'pid')}`],
];

/** The folder is thrown away, and a test's server need not be large. */
const light = [
  ...['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0', '--innodb-log-file-size=32M'],
  ...['--innodb-buffer-pool-size=64M', '--performance-schema=off', '--max-connections=500'],
];

/** The system tables; done already where the server is started again on its folder. */
async function initialise(data: string): Promise<void> {
  const argv = [...common(data), '--auth-root-authentication-method=normal', '--skip-test-db'];
  const child = spawn(program('mariadb-install-db'), argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said: string[] = [];
  child.stderr.on('data', (piece: Buffer) => said.push(piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`mariadb-install-db failed: ${said.join('')}`);
}

function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is missing: apt-get install mariadb-server`);
  return path;
}

async function run(url: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 2_000 });
  try {
    await connection.query(sql);
  } finally {
    connection.destroy();
  }
}
