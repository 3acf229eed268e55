/**
 * Waiting times after failures, with decorrelated jitter: each is drawn between `initialMs` and three times the last
 * one, and never above `maxMs`, so that many clients of one lost server do not come back in step.
 */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #lastMs = 0;

  constructor(options: { initialMs: number; maxMs: number; random?: () => number }) {
    this.#initialMs = options.initialMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  nextMs(): number {
    const upper = Math.max(this.#initialMs, this.#lastMs * 3);
    this.#lastMs = Math.min(this.#maxMs, this.#initialMs + this.#random() * (upper - this.#initialMs));
    return this.#lastMs;
  }

  /** After a success: the next failure starts from the beginning. */
  reset(): void {
    this.#lastMs = 0;
  }
}
