import { raceAbort, withTimeout } from '../kernel/abort.ts';

/** A broker that stands still answers nobody, and must hold up no stop: it sees that we are gone by our connection's end. */
const goodbyeMs = 2_000;

/** Waits for what was said to the broker at the end to be answered, for a moment and not beyond `force`. */
export async function answeredSoon(goodbye: Promise<void>, force: AbortSignal): Promise<void> {
  await raceAbort(withTimeout('a goodbye to the broker', goodbyeMs, goodbye), force).catch(() => undefined);
}
