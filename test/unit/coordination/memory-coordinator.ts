import type { Coordinator } from '../../../src/coordination/coordinator.ts';
import { MemoryBackend, type MemoryLocks } from '../../../src/coordination/drivers/memory.ts';
import { LeaseMargin } from '../../../src/coordination/lease-margin.ts';
import { LockCoordinator } from '../../../src/coordination/lock-coordinator.ts';
import type { Clock } from '../../../src/kernel/clock.ts';
import { silentLogger } from '../../../src/log/logger.ts';

/** A running coordinator on locks in memory, which other coordinators may share. */
export async function memoryCoordinator(
  locks: MemoryLocks,
  clock: Clock = { nowMs: () => performance.now() },
): Promise<{ readonly coordinator: Coordinator; readonly stop: () => Promise<void> }> {
  const coordinator = new LockCoordinator({
    backend: new MemoryBackend({ locks, memberId: 'm' }),
    clock,
    log: silentLogger,
    margin: new LeaseMargin({ baseMs: 0, mostMs: 0 }),
  });
  await coordinator.start(new AbortController().signal);
  return { coordinator, stop: () => coordinator.stop({ force: AbortSignal.abort() }) };
}
