import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/free-port.ts';
import { startServerProcess, type ServerProcess } from '../test/support/server-process.ts';
import { backend, writeConfiguration } from './configuration.ts';
import type { BenchOptions } from './options.ts';
import type { RunContext, RunningService, Side } from './side.ts';

const root = join(import.meta.dirname, '../..');
/** Both are built by `npm run bench`: the program as it is shipped, and as it would be without custody (bare/). */
const builds = {
  'cinder-volume-aa': join(root, 'dist/src/main.js'),
  bare: join(root, 'dist-bare/src/main.js'),
} as const;
const drivers = {
  folder: 'cinder_volume_aa.drivers.FolderDriver',
  nfs: 'cinder.volume.drivers.nfs.NfsDriver',
} as const;

/** This program: one replica, or several in a cluster. */
export class OurSide implements Side {
  readonly name: keyof typeof builds;
  readonly version = versionOf(join(root, 'package.json'));
  readonly readyMeans = 'exec to the first 200 of /readyz, of the slowest replica';
  readonly rootRole = 'main';
  readonly #options: BenchOptions;

  constructor(options: BenchOptions, name: keyof typeof builds = 'cinder-volume-aa') {
    this.#options = options;
    this.name = name;
  }

  get target() {
    const clusterName = this.#cluster === undefined ? null : `${this.#cluster}@${backend}#${backend}`;
    return { host: `bench-1@${backend}#${backend}`, clusterName, availabilityZone: 'nova' };
  }

  async prepare(context: RunContext): Promise<void> {
    const file = await this.#configure(context, 'bench-1', 0);
    await context.account.run([process.execPath, builds[this.name], 'db', 'sync', '--config-file', file], context.dir);
  }

  async start(context: RunContext): Promise<RunningService> {
    const hosts = Array.from({ length: this.#options.replicas }, (_, index) => `bench-${index + 1}`);
    const started = await Promise.all(hosts.map((host) => this.#startReplica(context, host)));
    return {
      pids: started.map(({ process }) => process.pid),
      readyMs: Math.max(...started.map(({ readyMs }) => readyMs)),
      stop: async () => {
        await Promise.all(started.map(({ process }) => process.stop(60_000)));
      },
    };
  }

  async #startReplica(context: RunContext, host: string): Promise<{ process: ServerProcess; readyMs: number }> {
    const port = await freePort();
    const file = await this.#configure(context, host, port);
    const { cpuProf } = this.#options;
    const flags = [...nodeFlags, ...(cpuProf === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProf}`])];
    const since = performance.now();
    let readyMs = 0;
    const process = await startServerProcess({
      name: `${this.name} ${host}`,
      argv: context.account.command([nodePath, ...flags, builds[this.name], '--config-file', file]),
      cwd: context.dir,
      logFile: join(context.dir, `${host}.out`),
      ready: async () => {
        await untilReady(`http://127.0.0.1:${port}/readyz`);
        readyMs = performance.now() - since;
      },
      readyWithinMs: 120_000,
    });
    return { process, readyMs };
  }

  #configure(context: RunContext, host: string, port: number): Promise<string> {
    const { driver, threads } = this.#options;
    return writeConfiguration(context, {
      host,
      cluster: this.#cluster,
      driver: drivers[driver],
      threads,
      more: {
        health: { port },
        // All replicas run on this machine: file locks are seen by every one of them.
        ...(this.#options.replicas > 1 ? { cinder_volume_aa: { allow_unsafe_coordination: 'True' } } : {}),
      },
    });
  }

  get #cluster(): string | undefined {
    return this.#options.replicas > 1 ? 'bench' : undefined;
  }
}

const nodePath = process.execPath;
/** Those of the installed program's first line. */
const nodeFlags = readFileSync(join(root, 'bin/cinder-volume-aa'), 'utf8').split('\n', 1)[0]?.split(' ').slice(3) ?? [];

/** Asks every few milliseconds for half a second, then lets the caller see whether the process still lives. */
async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + 500;
  for (;;) {
    const status = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    if (performance.now() > deadline) throw new Error(`${url}: ${status}`);
    await sleep(5);
  }
}

function versionOf(file: string): string {
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return `${version} on Node ${process.versions.node}`;
}
