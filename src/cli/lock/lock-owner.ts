import { spawn, type ChildProcess } from 'node:child_process';
import { raceAbort, withTimeout } from '../../kernel/abort.ts';
import { CoordinationError } from '../../coordination/coordinator.ts';
import { lockProcessPath } from './entry-path.ts';
import type { FromOwner, OwnerStart } from './lock-owner-process.ts';

const endWithinMs = 5_000;

/** Another process that owns a lock and can be frozen and killed. */
export class LockOwner {
  readonly #child: ChildProcess;
  readonly #told: FromOwner[] = [];
  readonly #exited: Promise<void>;
  #wake: () => void = () => undefined;

  constructor(start: OwnerStart) {
    this.#child = spawn(process.execPath, [lockProcessPath('lock-owner-process')], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('exit', () => resolve());
    });
    void this.#exited.then(() => this.#note({ event: 'failed', problem: 'its process ended' }));
    this.#child.on('message', (message: FromOwner) => this.#note(message));
    this.#child.send(start);
  }

  /** Whether it has told something that nobody waited for yet. */
  get hasTold(): boolean {
    return this.#told.length > 0;
  }

  /** The next thing that it tells; rejects if that is not `event`, or nothing comes in time. */
  async next<E extends FromOwner['event']>(
    event: E,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<Extract<FromOwner, { event: E }>> {
    if (!this.hasTold) {
      const message = new Promise<void>((resolve) => (this.#wake = resolve));
      await withTimeout(`the owner of a lock ("${event}")`, withinMs, raceAbort(message, signal));
    }
    const told = this.#told.shift();
    if (told?.event === event) return told as Extract<FromOwner, { event: E }>;
    const what = told?.event === 'failed' ? told.problem : `"${told?.event ?? 'nothing'}" where "${event}" was due`;
    throw new CoordinationError(`another owner of a lock: ${what}`);
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Lets it give its lock back and end. */
  async end(): Promise<void> {
    this.thaw();
    if (this.#child.connected) this.#child.disconnect();
    await withTimeout('the end of an owner', endWithinMs, this.#exited).catch(() => this.kill());
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #note(message: FromOwner): void {
    this.#told.push(message);
    this.#wake();
  }
}
