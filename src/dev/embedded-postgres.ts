import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { delay } from '../kernel/abort.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import { findLauncher, findPostgresBinaries, runToEnd, type Launcher } from './postgres-binaries.ts';

/*
 * A PostgreSQL of one's own for trying things out and for tests: its programs come from npm, its data lies in one
 * folder, it listens on one loopback port with a password of its own and dies with the process that started it.
 * `cinder-volume-aa dev` owns one; a replica never does.
 */

export interface EmbeddedPostgresOptions {
  /** Everything is kept here; made where absent. A second start on the same folder finds the data again. */
  readonly dir: string;
  /** TCP port on 127.0.0.1. */
  readonly port: number;
  /** False only for data that may be lost with the machine. */
  readonly fsync: boolean;
  readonly log: Logger;
  /** Ends the wait for the start. */
  readonly signal: AbortSignal;
  /** More lines for `postgresql.conf`, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

export interface EmbeddedPostgres {
  /** `postgres://…` of the superuser, for the database `postgres`. */
  readonly url: string;
  /** Of the postmaster. */
  readonly pid: number;
  /** Resolves when the process has ended, by whatever cause. */
  readonly exited: Promise<void>;
  /** Ends connections, writes a checkpoint, exits; killed if that takes longer than `graceMs` (10 s). Safe twice. */
  stop(graceMs?: number): Promise<void>;
}

/** Resolves when the server answers queries; stopped again if it does not within 60 s or the signal aborts. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const [binaries, launcher] = await Promise.all([findPostgresBinaries(), findLauncher()]);
  const password = await prepare(options, binaries.initdb, launcher);
  const url = `postgres://postgres:${password}@127.0.0.1:${options.port}/postgres`;
  const child = await launch(options, binaries.postgres, launcher);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${binaries.postgres} could not be started`);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const server: EmbeddedPostgres = { url, pid, exited, stop: (graceMs = 10_000) => stop(child, exited, graceMs) };
  try {
    await untilAnswers(url, child, options);
  } catch (error) {
    await server.stop(0);
    throw error;
  }
  options.log.info({ pid, port: options.port, dir: options.dir }, 'embedded PostgreSQL started');
  return server;
}

const dataOf = (dir: string): string => join(dir, 'data');
const logOf = (dir: string): string => join(dir, 'postgres.log');

/** Makes the folder and, once, the database in it; returns the superuser's password. */
async function prepare(options: EmbeddedPostgresOptions, initdb: string, launcher: Launcher): Promise<string> {
  const { dir } = options;
  const passwordFile = join(dir, 'password');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  if (launcher.owner !== undefined) await chown(dir, launcher.owner, launcher.owner);
  // Only a finished initdb leaves the marker: what a killed one left is thrown away.
  const marker = join(dir, 'initialised');
  if (await exists(marker)) return readFile(passwordFile, 'utf8');
  await rm(dataOf(dir), { recursive: true, force: true });
  const password = randomBytes(24).toString('hex');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (launcher.owner !== undefined) await chown(passwordFile, launcher.owner, launcher.owner);
  const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const sync = options.fsync ? [] : ['--no-sync'];
  const format = ['--encoding=UTF8', '--no-locale'];
  await runToEnd([...launcher.prefix, initdb, '-D', dataOf(dir), ...access, ...format, ...sync], dir);
  await writeFile(marker, '');
  return password;
}

async function launch(options: EmbeddedPostgresOptions, postgres: string, launcher: Launcher): Promise<ChildProcess> {
  const settings: Record<string, string | number> = {
    port: options.port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: options.fsync ? 'on' : 'off',
    max_connections: 200,
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [program = '', ...args] = [...launcher.prefix, postgres, '-D', dataOf(options.dir), ...flags];
  const log = await open(logOf(options.dir), 'a');
  try {
    // A session of its own: a terminal's ^C is for the one who started us, and reaches PostgreSQL through stop().
    const child = spawn(program, args, { cwd: options.dir, detached: true, stdio: ['ignore', log.fd, log.fd] });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return child;
  } finally {
    await log.close();
  }
}

async function untilAnswers(url: string, child: ChildProcess, options: EmbeddedPostgresOptions): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const problem = await tryQuery(url);
    if (problem === undefined) return;
    if (hasExited(child)) throw new Error(`PostgreSQL ended at its start:\n${await tail(logOf(options.dir))}`);
    if (performance.now() > deadline) throw new Error(`PostgreSQL does not answer: ${problem}`);
    await delay(50, options.signal);
  }
}

async function tryQuery(connectionString: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function stop(child: ChildProcess, exited: Promise<void>, graceMs: number): Promise<void> {
  if (hasExited(child)) return;
  // SIGINT is PostgreSQL's "fast" shutdown: clients are disconnected, nothing committed is lost.
  child.kill(graceMs > 0 ? 'SIGINT' : 'SIGKILL');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}

const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').slice(-15).join('\n');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
