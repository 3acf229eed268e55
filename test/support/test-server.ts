import { signalTree } from './process-tree.ts';
import { makeTempDir, removeDir } from './temp-dir.ts';

/** A server of the test's own, on a loopback port and in a folder of its own. */
export interface TestServer {
  readonly port: number;
  readonly dir: string;
  /** Of the running process; changes with every restart. */
  readonly pid: number;
  /** Sends the signal to the server and its children and, if it is one that ends them, waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it if it runs, and starts it again with the same port and data. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. Safe twice. */
  stop(): Promise<void>;
}

/** One life of a server: what `ServerProcess` and the embedded PostgreSQL have in common. */
export interface Life {
  readonly pid: number;
  readonly exited: Promise<void>;
  stop(graceMs: number): Promise<void>;
}

/** What is told about a server before it first starts. */
export interface Plan {
  readonly port: number;
  /** How long a restart lets it close its files. */
  readonly graceMs: number;
  /** The same for the last stop, after which the folder is thrown away (`graceMs`). */
  readonly lastGraceMs?: number;
  launch(dir: string): Promise<Life>;
  /** Ends what runs beside the server itself. */
  cleanUp?(): Promise<void>;
}

export async function startTestServer(name: string, plan: Plan): Promise<TestServer> {
  const dir = await makeTempDir(`cinder-volume-aa-${name}-`);
  try {
    return new ManagedServer(plan, dir, await plan.launch(dir));
  } catch (error) {
    await plan.cleanUp?.();
    await removeDir(dir);
    throw error;
  }
}

class ManagedServer implements TestServer {
  readonly dir: string;
  readonly #plan: Plan;
  #life: Life;
  #stopped: Promise<void> | undefined;

  constructor(plan: Plan, dir: string, life: Life) {
    this.#plan = plan;
    this.dir = dir;
    this.#life = life;
  }

  get port(): number {
    return this.#plan.port;
  }

  get pid(): number {
    return this.#life.pid;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    signalTree(this.pid, signal);
    if (['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'].includes(signal)) await this.#life.exited;
  }

  pause(): void {
    signalTree(this.pid, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.pid, 'SIGCONT');
  }

  async restart(): Promise<void> {
    this.resume();
    await this.#life.stop(this.#plan.graceMs);
    this.#life = await this.#plan.launch(this.dir);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    this.resume();
    await this.#life.stop(this.#plan.lastGraceMs ?? this.#plan.graceMs);
    await this.#plan.cleanUp?.();
    await removeDir(this.dir);
  }
}
