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
 */
export class EventLoopDelay {
  #histogram: IntervalHistogram | undefined;

  start(): void {
    this.#histogram ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram?.disable();
  }

  /** Since the last reading, so that an old stall does not colour every figure after it. */
  read(): LoopDelay {
    const histogram = this.#histogram;
    if (histogram === undefined || histogram.count === 0) return { meanMs: 0, p99Ms: 0, maxMs: 0 };
    const delay = {
      meanMs: late(histogram.mean),
      p99Ms: late(histogram.percentile(99)),
      maxMs: late(histogram.max),
    };
    histogram.reset();
    return delay;
  }
}

function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
