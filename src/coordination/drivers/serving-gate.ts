import { abortReason, delay, raceAbort } from '../../kernel/abort.ts';
import type { Health } from '../../kernel/component.ts';
import { around } from '../../kernel/jitter.ts';
import type { PythonAbout } from './python-about.ts';

/** Whether a lock service serves, and where those wait who need it. It does not until `open` is called. */
export class ServingGate {
  readonly #service: string;
  readonly #waiters = new Set<() => void>();
  #problem: string | undefined = 'not connected yet';

  /** @param service as operators read it in the health */
  constructor(service: string) {
    this.#service = service;
  }

  /** Why it does not serve; undefined while it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** It serves: wakes all who wait. True if that is news. */
  open(): boolean {
    const news = this.#problem !== undefined;
    this.#problem = undefined;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
    return news;
  }

  /** It does not serve. True if that is news; the reason is kept in any case. */
  shut(why: string): boolean {
    const news = this.#problem === undefined;
    this.#problem = why;
    return news;
  }

  /** Resolves while the service serves; rejects with the signal's reason. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    while (this.#problem !== undefined) {
      const next = new Promise<void>((resolve) => this.#waiters.add(resolve));
      await raceAbort(next, signal);
    }
    if (signal.aborted) throw abortReason(signal);
  }

  health(): Health {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: `${this.#service}: ${this.#problem}` };
  }
}

const meanPauseMs = 60;
/** Python’s clients of memcached and MySQL wait a second: who looks as often or oftener takes the lock from them. */
const meanPauseBesidePythonMs = 1250;

/** Between two tries for a lock of a service that has no queue. */
export function betweenTries(python: PythonAbout, signal: AbortSignal): Promise<void> {
  return delay(around(python.lately ? meanPauseBesidePythonMs : meanPauseMs), signal);
}
