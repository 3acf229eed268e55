import type { Failpoints } from '../volume/custody-options.ts';

/** What a command may see of the process that runs it. */
export interface CommandIo {
  readonly version: string;
  /** Aborts at SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** A line on standard error. */
  readonly complain: (line: string) => void;
  /** A line on standard output. */
  readonly print: (line: string) => void;
  /** Of tests; undefined in production. */
  readonly failpoints?: Failpoints | undefined;
}

/** A finished command's exit code: 0 clean, 1 failed, 2 wrong usage, 3 differences found. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Says how a command ended, in place of commander's own exit. `lock run` has the codes of what it ran. */
export type Finish = (code: number) => void;
