import { spawn, type ChildProcess } from 'node:child_process';
import { boundProgram } from '../../kernel/bound-program.ts';
import type { Clock } from '../../kernel/clock.ts';

/** What the guard is started with. */
export interface GuardStart {
  readonly argv: readonly string[];
  readonly proven: Proven;
  /** From the end of the proof until nobody may run any more: the safety margin that was taken off it. */
  readonly killAfterMs: number;
}

/** Until when the lock is provably ours, on the boot clock; null: until our own end. JSON knows no `Infinity`. */
export type Proven = number | null;

export type ToGuard =
  | { readonly op: 'proven'; readonly proven: Proven }
  | { readonly op: 'lost' }
  | { readonly op: 'signal'; readonly signal: NodeJS.Signals };

export interface FromGuard {
  readonly event: 'ended';
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A machine that slept wakes up with all timers late; the deadline is found at most this long after. */
const longestNapMs = 200;

/**
 * Runs a command in a process group of its own and ends it, by itself, when the lock is not proven any more: the
 * process that holds the lock may be frozen and able to end nothing. Signals go to the whole group: SIGTERM first,
 * SIGKILL before anybody else can own the lock.
 */
export class CommandGuard {
  readonly #clock: Clock;
  readonly #killAfterMs: number;
  readonly #tell: (message: FromGuard) => void;
  readonly #child: ChildProcess;
  #proven: Proven;
  #nap: NodeJS.Timeout | undefined;
  #kill: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(start: GuardStart, clock: Clock, tell: (message: FromGuard) => void) {
    this.#clock = clock;
    this.#killAfterMs = start.killAfterMs;
    this.#proven = start.proven;
    this.#tell = tell;
    // With the guard the command dies, too. The exit codes for what cannot be run are those of a shell.
    const [program, ...rest] = boundProgram(start.argv);
    this.#child = spawn(program, rest, { stdio: 'inherit', detached: true });
    this.#child.once('error', () => this.#end(127, null));
    this.#child.once('exit', (code, signal) => this.#end(code, signal));
    this.#watch();
  }

  receive(message: ToGuard): void {
    if (message.op === 'proven') this.#proven = message.proven;
    else if (message.op === 'signal') this.#signal(message.signal);
    else this.#stop();
  }

  /** The lock's process is gone. A lock that ends with it may be somebody else's already; others last a while. */
  orphaned(): void {
    if (this.#proven === null) this.#signal('SIGKILL');
    else this.#stop();
  }

  #watch(): void {
    const leftMs = (this.#proven ?? Infinity) - this.#clock.nowMs();
    if (leftMs <= 0) return this.#stop();
    this.#nap = setTimeout(() => this.#watch(), Math.min(leftMs, longestNapMs));
  }

  #stop(): void {
    clearTimeout(this.#nap);
    if (this.#kill !== undefined || this.#ended) return;
    this.#signal('SIGTERM');
    // What was asleep must run to see the first signal.
    this.#signal('SIGCONT');
    this.#kill = setTimeout(() => this.#signal('SIGKILL'), this.#killAfterMs);
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#nap);
    clearTimeout(this.#kill);
    // The command is gone; what it started and left behind must not go on either.
    if (this.#kill !== undefined) this.#signal('SIGKILL');
    this.#ended = true;
    this.#tell({ event: 'ended', code, signal });
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#ended) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  }
}
