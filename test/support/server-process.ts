import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundProgram } from '../../src/kernel/bound-program.ts';
import { signalQuietly, signalTree } from './process-tree.ts';

export interface ServerProcessOptions {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
  /** Throws while the server does not answer yet. */
  readonly ready: () => Promise<void>;
  readonly readyWithinMs: number;
}

/** A server that runs as a child of this process and is killed by the kernel when this process ends. */
export interface ServerProcess {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** Signals the server and its children at once (a pause must not leave a worker going). */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL for what is left after `graceMs`; resolves when the process has ended. */
  stop(graceMs: number): Promise<void>;
}

export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const log = openSync(options.logFile, 'a');
  const [launcher, ...argv] = boundProgram(options.argv);
  const child = spawn(launcher, argv, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} has no pid`);
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const server: ServerProcess = {
    pid,
    exited,
    signal: (signal) => signalTree(pid, signal),
    stop: async (graceMs) => {
      if (hasExited()) return;
      signalTree(pid, 'SIGCONT');
      signalQuietly(pid, 'SIGTERM');
      const timer = setTimeout(() => signalTree(pid, 'SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
  await untilReady(options, server, hasExited);
  return server;
}

async function untilReady(options: ServerProcessOptions, server: ServerProcess, hasExited: () => boolean) {
  const deadline = performance.now() + options.readyWithinMs;
  for (;;) {
    try {
      await options.ready();
      return;
    } catch (cause) {
      if (hasExited() || performance.now() > deadline) {
        await server.stop(0);
        const said = readFileSync(options.logFile, 'utf8').split('\n').slice(-20).join('\n');
        throw new Error(`${options.name} did not start; it said:\n${said}`, { cause });
      }
      await sleep(50);
    }
  }
}

/** Tries a start three times, each with a new port: the first may have been taken by somebody else meanwhile. */
export async function threeTimes<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}
