import { never } from '../kernel/abort.ts';
import { AppError } from '../kernel/errors.ts';

/** How a step on a share proves, at the last moment, that it may still have an effect. */
export interface StepGuard {
  /** Aborts when the locks are lost or the replica must stop at once. */
  readonly signal: AbortSignal;
  /** On the boot clock: no commit point is passed, and no child lives, after this instant; read anew each time. */
  provableUntilMs(): number;
}

/** For what changes nothing that locks are for. */
export const unlocked: StepGuard = { signal: never, provableUntilMs: () => Number.POSITIVE_INFINITY };

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell, under supervision: it dies with us, at the deadline, and when `guard` aborts. */
export interface Exec {
  /**
   * Rejects with `CommandError` on any exit but 0.
   *
   * @param options.secrets texts that the program finds as `/dev/fd/3`, `/dev/fd/4`, …: in memory, in no file of any folder
   */
  run(
    argv: readonly [string, ...string[]],
    options: { guard: StepGuard; timeoutMs: number; asRoot?: boolean; secrets?: readonly string[] },
  ): Promise<CommandResult>;
}

export class CommandError extends AppError {
  readonly code = 'COMMAND';
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly stderr: string;
  /** `unknown` when it was killed or its exit was not seen: look at what it was to change. */
  constructor(
    argv: readonly string[],
    exitCode: number | null,
    stderr: string,
    options: ErrorOptions & { outcome: 'failed' | 'unknown' },
  ) {
    super(
      `${argv.join(' ')}: ${exitCode === null ? 'killed' : `exit ${exitCode}`}: ${stderr.trim().slice(-500)}`,
      options,
    );
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}
