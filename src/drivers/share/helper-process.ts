import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { delay, never, raceAbort } from '../../kernel/abort.ts';
import { boundProgram } from '../../kernel/bound-program.ts';
import type { Logger } from '../../log/logger.ts';
import type { StepGuard } from '../exec.ts';
import { ShareError } from './share-error.ts';
import type { AllowedFolders } from './share-paths.ts';
import type { Deadline, FromHelper, ToHelper, VerbName } from './share-protocol.ts';
import { onWholeLine } from './whole-lines.ts';

interface Pending {
  readonly verb: VerbName;
  readonly args: object;
  readonly guard: StepGuard;
  deadlineMs: Deadline;
  settle(outcome: { readonly result: unknown } | { readonly error: ShareError }): void;
}

/** How often deadlines are moved on; leases are proven for seconds. */
const renewEveryMs = 250;
/** After an abort the helper answers as soon as its child is dead; one that does not is hung. */
const abortGraceMs = 2_000;
/** A killed process that waits for a dead disk may take for ever to be gone; nothing of it will be heard any more. */
const killWaitMs = 5_000;
/** More than all calls at once need, so that a commit point never waits for a thread. */
const threads = '64';

export interface HelperProcessOptions {
  /** The helper's file. */
  readonly entry: string;
  readonly allowed: () => AllowedFolders;
  readonly log: Logger;
  /** A call with these arguments has hung, and the process is killed for it. */
  readonly onHung: (args: object) => void;
}

/** One helper process from its start to its death. */
export class HelperProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #log: Logger;
  readonly #onHung: (args: object) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #ready: { resolve(): void; reject(error: Error): void } | undefined;
  readonly #started: Promise<void>;
  #renewals: NodeJS.Timeout | undefined;
  #nextId = 1;
  #dead: string | undefined;

  constructor(options: HelperProcessOptions) {
    this.#log = options.log;
    this.#onHung = options.onHung;
    this.#child = start(options.entry, options.allowed());
    this.#exited = new Promise((resolve) => this.#child.once('close', () => resolve()));
    this.#started = new Promise((resolve, reject) => (this.#ready = { resolve, reject }));
    this.#started.catch(() => undefined);
    this.#child.once('error', (error) => this.#end(`the share helper did not start: ${error.message}`));
    this.#child.once('exit', (code, signal) => this.#end(`the share helper ended (${signal ?? `exit ${code}`})`));
    this.#child.stdin.on('error', (error) => this.#end(`the share helper cannot be written to: ${error.message}`));
    onWholeLine(this.#child.stdout, (line) => this.#receive(JSON.parse(line) as FromHelper));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why it takes no more calls. */
  get dead(): string | undefined {
    return this.#dead;
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  ready(signal: AbortSignal): Promise<void> {
    return raceAbort(this.#started, signal);
  }

  /** Resolves when no system call and no program of it can have an effect any more. */
  async kill(why: string): Promise<void> {
    this.#end(why);
    this.#child.kill('SIGKILL');
    await Promise.race([this.#exited, delay(killWaitMs, never)]);
  }

  request(verb: VerbName, args: object, guard: StepGuard, timeoutMs: number): Promise<unknown> {
    const id = this.#nextId++;
    const deadlineMs = toWire(guard.provableUntilMs());
    return new Promise((resolve, reject) => {
      const hung = (afterMs: number): NodeJS.Timeout =>
        setTimeout(() => void this.#killHung(id, `${verb}: no answer within ${afterMs} ms`), afterMs);
      let timer = hung(timeoutMs);
      const onAbort = (): void => {
        clearTimeout(timer);
        timer = hung(abortGraceMs);
        this.#send({ op: 'abort', id });
      };
      const settle: Pending['settle'] = (outcome) => {
        clearTimeout(timer);
        guard.signal.removeEventListener('abort', onAbort);
        this.#forget(id);
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.result);
      };
      this.#pending.set(id, { verb, args, guard, deadlineMs, settle });
      guard.signal.addEventListener('abort', onAbort, { once: true });
      this.#renewals ??= setInterval(() => this.#renew(), renewEveryMs);
      this.#send({ op: 'call', id, verb, args, deadlineMs });
    });
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size > 0) return;
    clearInterval(this.#renewals);
    this.#renewals = undefined;
  }

  #renew(): void {
    const deadlines: [number, Deadline][] = [];
    for (const [id, call] of this.#pending) {
      const now = toWire(call.guard.provableUntilMs());
      if (now === call.deadlineMs) continue;
      call.deadlineMs = now;
      deadlines.push([id, now]);
    }
    if (deadlines.length > 0) this.#send({ op: 'renew', deadlines });
  }

  #send(message: ToHelper): void {
    if (this.#dead === undefined) this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #receive(message: FromHelper): void {
    if (message.event === 'ready') return this.#ready?.resolve();
    const call = this.#pending.get(message.id);
    if (call === undefined) return;
    if (message.event === 'result') call.settle({ result: message.result });
    else call.settle({ error: new ShareError(call.verb, message.error) });
  }

  /** The hung call is settled only when the process is gone: nothing of it may come late. */
  async #killHung(id: number, why: string): Promise<void> {
    const call = this.#pending.get(id);
    if (call === undefined) return;
    this.#onHung(call.args);
    this.#log.error({ helper_pid: this.pid }, `share helper killed: ${why}`);
    this.#dead ??= why;
    this.#child.kill('SIGKILL');
    await Promise.race([this.#exited, delay(killWaitMs, never)]);
    this.#end(why);
  }

  #end(why: string): void {
    this.#dead ??= why;
    this.#ready?.reject(new Error(why));
    const calls = [...this.#pending.values()];
    for (const call of calls) {
      const error = { code: 'HELPER', message: this.#dead, outcome: 'unknown' } as const;
      call.settle({ error: new ShareError(call.verb, error) });
    }
  }
}

function start(entry: string, allowed: AllowedFolders): ChildProcessByStdio<Writable, Readable, null> {
  const where = [
    ...(allowed.base === null ? [] : ['--base', allowed.base]),
    ...allowed.folders.flatMap((folder) => ['--folder', folder]),
  ];
  const [program, ...argv] = boundProgram([process.execPath, '--max-semi-space-size=1', entry, ...where]);
  return spawn(program, argv, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', UV_THREADPOOL_SIZE: threads },
    cwd: '/',
  });
}

function toWire(provableUntilMs: number): Deadline {
  return Number.isFinite(provableUntilMs) ? provableUntilMs : null;
}
