import { raceAbort, sharedAbort } from '../kernel/abort.ts';

/** Things under way that must have ended, or been given up, before a part may stop. */
export class Work {
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = sharedAbort();

  get count(): number {
    return this.#running.size;
  }

  /** Starts a piece; it must handle its own errors. Its signal aborts when the part begins to stop. */
  run(piece: (stopping: AbortSignal) => Promise<void>): void {
    const running = piece(this.#stopping.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing runs any more, or when `force` aborts. */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await raceAbort(Promise.allSettled(this.#running), force).catch(() => undefined);
  }
}
