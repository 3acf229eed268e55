import type { Clock } from '../../kernel/clock.ts';

/** For so long after a lock of theirs was seen. */
const rememberedMs = 10_000;

/** Whether Python's clients take locks of this service, too: they look far less often than ours. */
export class PythonAbout {
  readonly #clock: Clock;
  #seenMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One of theirs holds a lock that is wanted here. */
  saw(): void {
    this.#seenMs = this.#clock.nowMs();
  }

  get lately(): boolean {
    return this.#clock.nowMs() - this.#seenMs < rememberedMs;
  }
}
