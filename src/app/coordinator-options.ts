import type { Settings } from '../config/options/index.ts';
import type { CoordinatorOptions } from '../coordination/create.ts';

/** What the configuration says of the locks. */
export function coordinatorOptions({ coordination }: Settings): Omit<CoordinatorOptions, 'clock' | 'log'> {
  const { backendUrl, lockTtlMs, heartbeatMs, initialReconnectBackoffMs, maxReconnectBackoffMs } = coordination;
  const { safetyMarginMs, silentMainLoopMs, redisKeyForm } = coordination;
  return {
    url: backendUrl,
    heartbeatMs,
    initialReconnectBackoffMs,
    maxReconnectBackoffMs,
    ...(lockTtlMs === null ? {} : { lockTtlMs }),
    safetyMarginMs,
    silentMainLoopMs,
    redisKeyForm,
  };
}
