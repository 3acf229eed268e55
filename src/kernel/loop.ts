import { childAbort, delay, raceAbort, sharedAbort } from './abort.ts';

/** A periodic task: `run` is kept, its wait can be cut short, and `stop` waits for the turn under way. */
export class Loop {
  readonly #turn: (signal: AbortSignal) => Promise<void>;
  readonly #pauseMs: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #stopping = sharedAbort();
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  /**
   * @param options.turn one round; what it throws goes to `onError` and the loop goes on
   * @param options.pauseMs the wait after each round, asked anew every time
   */
  constructor(options: {
    turn: (signal: AbortSignal) => Promise<void>;
    pauseMs: () => number;
    onError: (error: unknown) => void;
  }) {
    this.#turn = options.turn;
    this.#pauseMs = options.pauseMs;
    this.#onError = options.onError;
  }

  /** Starts with a pause of `firstAfterMs` (0: at once). */
  start(firstAfterMs = 0): void {
    this.#running ??= this.#run(firstAfterMs);
  }

  /** Ends the present pause now. */
  wake(): void {
    this.#wake.abort();
  }

  /** Ends the loop; resolves when the round under way (whose signal aborts) has ended, or is left behind by `force`. */
  async stop(force?: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error('loop stopped'));
    if (force === undefined) await this.#running;
    else if (this.#running !== undefined) await raceAbort(this.#running, force).catch(() => undefined);
  }

  async #run(firstAfterMs: number): Promise<void> {
    await this.#pause(firstAfterMs);
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#turn(this.#stopping.signal);
      } catch (error) {
        if (!this.#stopping.signal.aborted) this.#onError(error);
      }
      await this.#pause(this.#pauseMs());
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0 && !this.#wake.signal.aborted) {
      const either = childAbort(this.#stopping.signal, this.#wake.signal);
      await delay(ms, either.signal).catch(() => undefined);
      either.detach();
    }
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }
}
