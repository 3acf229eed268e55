import type { Settings } from '../config/options/index.ts';
import type { Coordinator } from '../coordination/coordinator.ts';
import { Meet, type MeetOptions } from '../coordination/meet.ts';
import type { Answerer } from '../coordination/python-look.ts';
import { PythonPeers } from '../coordination/python-peers.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcCaller } from '../rpc/notifier.ts';
import { RemoteError } from '../rpc/wire/failure.ts';
import type { BackendUnit } from '../service/backend-unit.ts';
import { queueOf } from '../volume/peers.ts';
import type { Messaging } from './messaging-parts.ts';

/** Longer than the lock is held for, by what a service needs that has a queue of requests before ours. */
const answerWithinMs = 15_000;

/**
 * Asks whoever reads a backend's queue to note an attachment of a volume that does not exist. Python's service takes
 * the volume's lock before it looks (`attach_volume` of its manager, all releases), and its refusal carries a traceback;
 * ours looks first, and sends no stack. Nothing is changed by either.
 */
export function askPython(caller: RpcCaller, volumeId: string) {
  return async (backend: string, signal: AbortSignal): Promise<Answerer> => {
    const nobodys = { instance_uuid: null, host_name: null, mountpoint: null, mode: 'ro', volume: null };
    const target = queueOf({ host: backend, cluster_name: null });
    try {
      await caller.call(
        target,
        'attach_volume',
        '3.0',
        { volume_id: volumeId, ...nobodys },
        { timeoutMs: answerWithinMs, signal },
      );
      return 'nobody';
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RemoteError)) return 'nobody';
      return error.traceback.startsWith('Traceback') ? 'python' : 'ours';
    }
  };
}

/** How this replica sees that all who work on its backends exclude one another: replicas, and Python's services. */
export interface MemberParts {
  readonly meet: Meet;
  readonly pythonPeers: PythonPeers;
}

export function createMembers(given: {
  readonly coordinator: Coordinator;
  readonly incarnations: MeetOptions['incarnations'];
  readonly units: readonly BackendUnit[];
  readonly incarnation: { readonly id: string; readonly serves: readonly string[] };
  readonly messaging: Messaging;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
}): MemberParts {
  const { coordinator, incarnations, units, incarnation, messaging, settings, clock, log } = given;
  const common = { coordinator, intervalMs: settings.coordination.meetIntervalMs, log };
  const { presumedDeadAfterMs } = settings.activeActive;
  const meet = new Meet({ ...common, incarnations, self: incarnation, presumedDeadAfterMs, clock });
  const pythonPeers = new PythonPeers({
    ...common,
    probeId: incarnation.id,
    backends: units.map(({ host }) => host),
    replicas: () => meet.members().length + 1,
    ask: askPython(messaging.caller, incarnation.id),
  });
  return { meet, pythonPeers };
}
