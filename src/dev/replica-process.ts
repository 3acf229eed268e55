import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { abortReason, delay } from '../kernel/abort.ts';
import { boundProgram } from '../kernel/bound-program.ts';

export interface ReplicaOptions {
  readonly name: string;
  /** What Node runs: the program that runs us. */
  readonly program: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly healthPort: number;
  /** Beside our own environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** A replica as a process of its own, with everything that a real one has. */
export interface ReplicaProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** `http://127.0.0.1:port` */
  readonly healthUrl: string;
  /** Resolves with the exit code or the signal's name. */
  readonly exited: Promise<string>;
  isRunning(): boolean;
  /** Resolves when it serves requests; rejects with the end of its log if it ends before. */
  ready(signal: AbortSignal): Promise<void>;
  /** SIGTERM; SIGKILL if it is not gone after `graceMs`. Safe twice. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL, to that process alone. */
  kill(): Promise<void>;
}

/** Starts the process; `ready` waits for its service. */
export async function startReplica(options: ReplicaOptions): Promise<ReplicaProcess> {
  const node = [process.execPath, ...process.execArgv, options.program];
  const [launcher, ...argv] = boundProgram([...node, '--config-file', options.configFile]);
  const env = { ...process.env, ...options.environment };
  const log = await open(options.logFile, 'a');
  try {
    // A session of its own: a terminal's ^C is for us, and reaches the replica as the SIGTERM of an orderly stop.
    const child = spawn(launcher, argv, { detached: true, stdio: ['ignore', log.fd, log.fd], env });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return replicaOf(child, options);
  } finally {
    await log.close();
  }
}

function replicaOf(child: ChildProcess, { name, logFile, healthPort }: ReplicaOptions): ReplicaProcess {
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? 'unknown'}`));
  });
  const healthUrl = `http://127.0.0.1:${healthPort}`;
  return {
    name,
    pid: child.pid ?? 0,
    logFile,
    healthUrl,
    exited,
    isRunning,
    ready: (signal) => untilReady(`${healthUrl}/readyz`, name, { isRunning, logFile }, signal),
    stop: async (graceMs) => {
      if (!isRunning()) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function untilReady(
  url: string,
  name: string,
  { isRunning, logFile }: { readonly isRunning: () => boolean; readonly logFile: string },
  signal: AbortSignal,
): Promise<void> {
  while (!(await isOk(url))) {
    if (signal.aborted) throw abortReason(signal);
    if (!isRunning()) throw new Error(`${name} ended at its start:\n${await tail(logFile)}`);
    await delay(50, signal);
  }
}

function isOk(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').slice(-15).join('\n');
}
