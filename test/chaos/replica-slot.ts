import { readFileSync } from 'node:fs';
import { failpointVariable, traceVariable } from '../../src/dev/failpoints.ts';
import { BootClock } from '../../src/native/boot-clock.ts';
import { startReplica, type ReplicaProcess } from '../../src/dev/replica-process.ts';
import type { Links } from './links.ts';
import { processTree, signalQuietly } from '../support/process-tree.ts';

export interface SlotOptions {
  readonly name: string;
  readonly program: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly healthPort: number;
  readonly traceDir: string;
  readonly links: Links;
}

const clock = new BootClock();

/** What of a replica stands still: its main process, the helpers that it has, or all of it (its machine). */
export type Part = 'main' | 'helpers' | 'all';

/** The place of one replica, in which processes follow one another. */
export class ReplicaSlot {
  readonly name: string;
  /** Its ways to the servers. */
  readonly links: Links;
  /** How often a process died by SIGKILL, by its own hand too, and how often it stood still. */
  kills = 0;
  freezes = 0;
  /** Set while a fault does with the process what it likes; nobody else tends it then. */
  heldBy: string | undefined;
  /** What Node runs as the next process. */
  program: string;
  /** When its process was started, by the clock of the steps that are written down: process ids come again. */
  sinceMs = 0;
  readonly #options: SlotOptions;
  #process: ReplicaProcess | undefined;
  #stopped: readonly number[] = [];

  constructor(options: SlotOptions) {
    this.name = options.name;
    this.links = options.links;
    this.program = options.program;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  isRunning(): boolean {
    return this.#process?.isRunning() === true;
  }

  /** Whether it stands still, by whomever's signal. */
  isFrozen(): boolean {
    return this.isRunning() && stateOf(this.#process?.pid ?? 0) === 'T';
  }

  async start(failpoint?: string): Promise<void> {
    const { traceDir, links: _links, ...options } = this.#options;
    const armed = failpoint === undefined ? {} : { [failpointVariable]: failpoint };
    const environment = { [traceVariable]: traceDir, ...armed };
    this.sinceMs = clock.nowMs();
    this.#process = await startReplica({ ...options, program: this.program, environment });
    void this.#process.exited.then((end) => {
      if (end === 'SIGKILL') this.kills += 1;
    });
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#process?.ready(signal) ?? Promise.resolve();
  }

  async kill(): Promise<void> {
    if (this.isRunning()) await this.#process?.kill();
  }

  freeze(part: Part): void {
    if (!this.isRunning()) return;
    this.freezes += 1;
    const [main = 0, ...helpers] = processTree(this.#process?.pid ?? 0);
    this.#stopped = part === 'main' ? [main] : part === 'helpers' ? helpers : [main, ...helpers];
    for (const pid of this.#stopped) signalQuietly(pid, 'SIGSTOP');
  }

  thaw(): void {
    const main = this.#process?.pid;
    for (const pid of [...this.#stopped, ...(main === undefined ? [] : [main])]) signalQuietly(pid, 'SIGCONT');
    this.#stopped = [];
  }

  /** In good order. */
  async stop(graceMs: number): Promise<void> {
    this.thaw();
    await this.#process?.stop(graceMs);
  }
}

function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
  } catch {
    return undefined;
  }
}
