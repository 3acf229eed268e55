import { abortReason } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Component, Health } from '../../kernel/component.ts';
import type { Logger } from '../../log/logger.ts';
import { CommandError, type CommandResult, type Exec, type StepGuard } from '../exec.ts';
import { HelperProcess } from './helper-process.ts';
import { ShareError } from './share-error.ts';
import type { AllowedFolders } from './share-paths.ts';
import type { ShareVerbs, VerbName } from './share-protocol.ts';

export interface ShareClientOptions {
  readonly name: string;
  readonly allowed: () => AllowedFolders;
  /** The helper's file. */
  readonly entry: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A call on files that has not answered by then is taken for hung: the helper is killed. */
  readonly callTimeoutMs?: number;
}

const callTimeoutMs = 60_000;
/** A program's own deadline is the helper's business; this much later the helper itself is taken for hung. */
const answerGraceMs = 5_000;

/**
 * The main process's side of the share helper: calls with a guard, answered or known to be over. The helper is
 * started with the first call and again after it was killed.
 *
 * A call that hangs is ended by killing its helper, and with it everybody's work there. So a folder in which one has
 * hung is left to a helper apart until it answers again: where it goes on hanging, copies on other shares do not end.
 */
export class ShareClient implements Component, Exec {
  readonly name: string;
  readonly #options: ShareClientOptions;
  #helper: HelperProcess | undefined;
  #apart: HelperProcess | undefined;
  /** Folders in which a call has hung, and none was answered since. */
  readonly #silent = new Set<string>();
  #problem: string | undefined;
  #stopped = false;

  constructor(options: ShareClientOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopped = false;
    await this.#current().ready(signal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const helpers = [this.#helper, this.#apart].filter((helper) => helper !== undefined);
    await Promise.all(helpers.map((helper) => helper.kill('the service stops')));
    this.#helper = undefined;
    this.#apart = undefined;
  }

  health(): Health {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: this.#problem };
  }

  /** The helper's process id, for status and for tests. */
  get pid(): number | undefined {
    return [this.#helper, this.#apart].find((helper) => helper !== undefined && helper.dead === undefined)?.pid;
  }

  /**
   * @throws ShareError whose outcome says whether a change can have happened; when the guard aborts it is thrown only
   * after the helper has given up the call or is dead
   */
  async call<V extends VerbName>(
    verb: V,
    args: ShareVerbs[V]['args'],
    guard: StepGuard,
    timeoutMs = this.#options.callTimeoutMs ?? callTimeoutMs,
  ): Promise<ShareVerbs[V]['result']> {
    if (guard.signal.aborted) throw refused(verb, abortReason(guard.signal).message);
    if (this.#stopped) throw refused(verb, 'the share helper has been stopped');
    const helper = this.#isSilent(args) ? this.#helperApart() : this.#current();
    try {
      const result = (await helper.request(verb, args, guard, timeoutMs)) as ShareVerbs[V]['result'];
      this.#problem = undefined;
      if ('dir' in args) this.#silent.delete(args.dir);
      return result;
    } catch (error) {
      if (helper.dead) this.#problem = `${this.name}: ${helper.dead}`;
      throw error;
    } finally {
      this.#endApart();
    }
  }

  async run(
    argv: readonly [string, ...string[]],
    options: { guard: StepGuard; timeoutMs: number; asRoot?: boolean; secrets?: readonly string[] },
  ): Promise<CommandResult> {
    const { guard, timeoutMs, asRoot = false, secrets = [] } = options;
    const args = { argv, timeoutMs, asRoot, secrets };
    const { exitCode, stdout, stderr } = await this.call('run', args, guard, timeoutMs + answerGraceMs);
    if (exitCode === 0) return { stdout, stderr };
    throw new CommandError(argv, exitCode, stderr, { outcome: exitCode === null ? 'unknown' : 'failed' });
  }

  #current(): HelperProcess {
    if (this.#helper === undefined || this.#helper.dead) this.#helper = this.#newHelper();
    return this.#helper;
  }

  #helperApart(): HelperProcess {
    if (this.#apart === undefined || this.#apart.dead) this.#apart = this.#newHelper();
    return this.#apart;
  }

  #newHelper(): HelperProcess {
    const onHung = (args: object): void => {
      if ('dir' in args && typeof args.dir === 'string') this.#silent.add(args.dir);
    };
    return new HelperProcess({ ...this.#options, onHung });
  }

  /** Whether the call works in such a folder; a program's words name its files. */
  #isSilent(args: ShareVerbs[VerbName]['args']): boolean {
    if ('dir' in args) return this.#silent.has(args.dir);
    return [...this.#silent].some((dir) => args.argv.some((word) => word.includes(dir)));
  }

  /** Nobody needs it any more. */
  #endApart(): void {
    if (this.#silent.size > 0 || this.#apart?.isIdle !== true) return;
    void this.#apart.kill('all folders answer');
    this.#apart = undefined;
  }
}

function refused(verb: string, message: string): ShareError {
  return new ShareError(verb, { code: 'ABORTED', message, outcome: 'not-started' });
}
