import type { Coordinator } from '../../coordination/coordinator.ts';
import { checkNames } from './check-loss.ts';

const uncontendedTimesCount = 50;
const handOversCount = 20;
const waitMs = 30_000;

/** Milliseconds that taking a free lock and giving it back took, each time. */
export async function uncontendedTimes(coordinator: Coordinator, signal: AbortSignal): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < uncontendedTimesCount; i += 1) {
    const sinceMs = performance.now();
    const lease = await coordinator.acquire([checkNames.speed], { waitMs, signal });
    await lease.release();
    times.push(performance.now() - sinceMs);
  }
  return times;
}

/** Milliseconds from the start of one's release until the other, who waits, has the lock. */
export async function handOverTimes(
  one: Coordinator,
  other: Coordinator,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const times: number[] = [];
  let holder = await one.acquire([checkNames.speed], { waitMs, signal });
  for (let i = 0; i < handOversCount; i += 1) {
    const waiting = (i % 2 === 0 ? other : one).acquire([checkNames.speed], { waitMs, signal });
    const [sinceMs] = [performance.now(), await holder.release()];
    holder = await waiting;
    times.push(performance.now() - sinceMs);
  }
  await holder.release();
  return times;
}

export function spreadText(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  return `median ${at(0.5)} ms, 9 of 10 within ${at(0.9)} ms, worst ${at(1)} ms (${sorted.length} times)`;
}
