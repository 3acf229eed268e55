import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startServerProcess } from '../test/support/server-process.ts';
import { backend, writeConfiguration } from './configuration.ts';
import type { BenchOptions } from './options.ts';
import type { RunContext, RunningService, Side } from './side.ts';

const run = promisify(execFile);
const interpreter = '/usr/bin/python3';
const service = '/usr/bin/cinder-volume';
const manage = '/usr/bin/cinder-manage';

/** The distribution's cinder-volume: one service, which its NFS driver allows no more than one of. */
export class PythonSide implements Side {
  readonly name = 'python';
  readonly version: string;
  readonly readyMeans = 'exec to the first update of its services row, which follows the start of its consumers';
  readonly rootRole = 'parent';
  readonly target = { host: `bench-1@${backend}#${backend}`, clusterName: null, availabilityZone: 'nova' };
  readonly #options: BenchOptions;

  private constructor(options: BenchOptions, version: string) {
    this.#options = options;
    this.version = version;
  }

  /** @throws Error telling what is missing */
  static async create(options: BenchOptions): Promise<PythonSide> {
    for (const file of [interpreter, service, manage]) {
      await access(file).catch((cause: unknown) => {
        throw new Error(`${file} is missing: apt-get install cinder-volume`, { cause });
      });
    }
    const { stdout } = await run(service, ['--version']);
    return new PythonSide(options, `cinder-volume ${stdout.trim()}`);
  }

  async prepare(context: RunContext): Promise<void> {
    await context.account.run([manage, '--config-file', await this.#configure(context), 'db', 'sync'], context.dir);
  }

  async start(context: RunContext): Promise<RunningService> {
    const file = await this.#configure(context);
    // Of an earlier start: what is waited for is this one's.
    await context.db.query(`UPDATE services SET updated_at = NULL WHERE "binary" = 'cinder-volume'`);
    const since = performance.now();
    let readyMs = 0;
    const process = await startServerProcess({
      name: this.name,
      argv: context.account.command([interpreter, service, '--config-file', file]),
      cwd: context.dir,
      logFile: join(context.dir, 'python.out'),
      ready: async () => {
        await untilReported(context);
        readyMs = performance.now() - since;
      },
      readyWithinMs: 900_000,
    });
    return { pids: [process.pid], readyMs, stop: () => process.stop(70_000) };
  }

  #configure(context: RunContext): Promise<string> {
    return writeConfiguration(context, {
      host: 'bench-1',
      cluster: undefined,
      driver: 'cinder.volume.drivers.nfs.NfsDriver',
      threads: this.#options.threads,
    });
  }
}

/** Asks every few milliseconds for half a second, then lets the caller see whether the process still lives. */
async function untilReported({ db }: RunContext): Promise<void> {
  const deadline = performance.now() + 500;
  for (;;) {
    const { rows } = await db.query(
      `SELECT 1 FROM services WHERE "binary" = 'cinder-volume' AND NOT deleted AND updated_at IS NOT NULL`,
    );
    if (rows.length > 0) return;
    if (performance.now() > deadline) throw new Error('the services row has no update yet');
    await sleep(5);
  }
}
