/**
 * Notices that a server does not answer, with one timer for all calls that are open: one for each would cost a good
 * part of what the call costs.
 */
export class AnswerWatch {
  readonly #mostMs: number;
  readonly #onSilence: () => void;
  #open = 0;
  /** The last answer, or the first call after all were answered. */
  #sinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onSilence called when calls are open and none was answered for `mostMs`; it has to end them */
  constructor(mostMs: number, onSilence: () => void) {
    this.#mostMs = mostMs;
    this.#onSilence = onSilence;
  }

  asked(): void {
    if (this.#open === 0) this.#sinceMs = performance.now();
    this.#open += 1;
    this.#timer ??= this.#lookIn(this.#mostMs);
  }

  /** Also of a call that has failed. */
  answered(): void {
    this.#open -= 1;
    this.#sinceMs = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** What keeps a process alive is the connection. */
  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), ms).unref();
  }

  /** Timers go before sockets: after a busy time, answers that are there already shall be read first. */
  #look(): void {
    setImmediate(() => {
      this.#timer = undefined;
      if (this.#open === 0) return;
      const leftMs = this.#sinceMs + this.#mostMs - performance.now();
      if (leftMs <= 0) this.#onSilence();
      else this.#timer = this.#lookIn(Math.ceil(leftMs));
    });
  }
}
