import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** How late timers were, in milliseconds. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const RESOLUTION_MS = 20;

/**
 * Measures how long the main loop keeps its timers waiting. The histogram of node records the time between two of its
 * own ticks, so the tick itself is taken off.
 *
 * A reading covers the time since the last reading but one. To reset one histogram at each reading would forget what
 * has passed since its last tick, and that is just the stall behind which the reader was waiting.
 */
export class EventLoopDelay {
  #older: IntervalHistogram | undefined;
  #newer: IntervalHistogram | undefined;

  start(): void {
    this.#older ??= enabled();
    this.#newer ??= enabled();
  }

  stop(): void {
    this.#older?.disable();
    this.#newer?.disable();
    this.#older = undefined;
    this.#newer = undefined;
  }

  read(): LoopDelay {
    const histogram = this.#older;
    if (histogram === undefined) return { meanMs: 0, p99Ms: 0, maxMs: 0 };
    histogram.disable();
    this.#older = this.#newer;
    this.#newer = enabled();
    if (histogram.count === 0) return { meanMs: 0, p99Ms: 0, maxMs: 0 };
    return { meanMs: late(histogram.mean), p99Ms: late(histogram.percentile(99)), maxMs: late(histogram.max) };
  }
}

function enabled(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
