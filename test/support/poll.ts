import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Gives up after this long (10 s). */
  readonly timeoutMs?: number;
  /** Between two looks (20 ms). */
  readonly everyMs?: number;
  /** For the error: what was waited for. */
  readonly what?: string;
}

/**
 * Looks again and again until `check` neither throws nor returns `false` or `undefined`, and returns what it returned.
 * At the deadline it throws, with the last failure as its cause. The only way tests wait for a state.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const { timeoutMs = 10_000, everyMs = 20, what = 'the expected state' } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const result = await check();
      if (result !== false && result !== undefined) return result as Exclude<T, false | undefined>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const why = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`${what} was not reached within ${timeoutMs} ms${why}`, { cause });
    }
    await sleep(everyMs);
  }
}
