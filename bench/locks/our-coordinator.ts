import type { Coordinator } from '../../src/coordination/coordinator.ts';
import { createCoordinator } from '../../src/coordination/create.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { BootClock } from '../../src/native/boot-clock.ts';

/** With every option at its default. */
export async function startCoordinator(url: string): Promise<Coordinator> {
  const coordinator = createCoordinator({
    url,
    heartbeatMs: 1_000,
    initialReconnectBackoffMs: 100,
    maxReconnectBackoffMs: 60_000,
    safetyMarginMs: 1_000,
    silentMainLoopMs: 30_000,
    clock: new BootClock(),
    log: silentLogger,
  });
  await coordinator.start(AbortSignal.timeout(30_000));
  return coordinator;
}

export const stopCoordinator = (coordinator: Coordinator): Promise<void> =>
  coordinator.stop({ force: AbortSignal.timeout(2_000) });
