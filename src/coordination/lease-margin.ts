import { EventLoopDelay } from '../kernel/event-loop-delay.ts';

/** A reading of the loop's delay covers the last one or two of these. */
const windowMs = 15_000;

/**
 * How long before its proof runs out a lease ends: what the operator allows a step that was just begun, and what the
 * main loop was late lately, because a check that passed may be acted upon that much later.
 *
 * It never grows above `mostMs`: a lease must live from one renewal to the next, however bad the loop is.
 */
export class LeaseMargin {
  readonly #baseMs: number;
  readonly #mostMs: number;
  readonly #loop: Pick<EventLoopDelay, 'start' | 'stop' | 'read'>;
  #lateMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param options.loop for tests; otherwise a measurement of its own */
  constructor(options: { baseMs: number; mostMs: number; loop?: Pick<EventLoopDelay, 'start' | 'stop' | 'read'> }) {
    this.#baseMs = options.baseMs;
    this.#mostMs = options.mostMs;
    this.#loop = options.loop ?? new EventLoopDelay();
  }

  start(): void {
    if (this.#timer !== undefined || this.#baseMs >= this.#mostMs) return;
    this.#loop.start();
    this.#timer = setInterval(() => (this.#lateMs = this.#loop.read().maxMs), windowMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#loop.stop();
  }

  ms(): number {
    return Math.min(this.#baseMs + this.#lateMs, this.#mostMs);
  }
}
