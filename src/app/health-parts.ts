import type { Config } from '../config/load.ts';
import type { Meet } from '../coordination/meet.ts';
import type { PythonPeers } from '../coordination/python-peers.ts';
import type { Database } from '../db/database.ts';
import type { JsonObject } from '../domain/json.ts';
import { EventLoopDelay } from '../kernel/event-loop-delay.ts';
import type { TallyBoard } from '../kernel/tally.ts';
import { HttpServer } from '../http/http-server.ts';
import { Metrics, type ShareFigures } from '../http/metrics.ts';
import type { Health } from '../kernel/component.ts';
import type { Logger } from '../log/logger.ts';
import type { BackendUnit } from '../service/backend-unit.ts';
import type { Backends } from '../service/backends.ts';
import type { Door } from '../volume/door.ts';
import type { Reconciler } from '../volume/reconcile.ts';
import type { MeasuredCoordinator } from './measured-coordinator.ts';

export interface HealthSources {
  readonly config: Config;
  readonly incarnation: { readonly id: string; readonly host: string; readonly pid: number; readonly version: string };
  readonly db: Database;
  readonly coordinator: MeasuredCoordinator;
  readonly meet: Meet;
  readonly pythonPeers: PythonPeers;
  readonly backends: Backends;
  readonly units: readonly BackendUnit[];
  readonly door: Door;
  readonly tally: TallyBoard;
  readonly reconciler: Reconciler;
  /** Proves that every queue is consumed. */
  readonly consuming: (signal: AbortSignal) => Promise<Health>;
  readonly log: Logger;
}

/** The server for probes, metrics and status. */
export function createHttp(sources: HealthSources): HttpServer {
  const { config, db, coordinator, meet, pythonPeers, backends, consuming, log } = sources;
  const { enabled, ...health } = config.settings.health;
  const loopDelay = new EventLoopDelay();
  return new HttpServer({
    ...health,
    loopDelay,
    log,
    app: enabled ? import('../http/create-app.ts') : null,
    checks: [
      { name: 'rpc', check: consuming },
      { name: 'database', check: () => db.health() },
      { name: 'coordinator', check: () => coordinator.health() },
      { name: 'members', check: () => meet.health() },
      { name: 'python', check: () => pythonPeers.health() },
      { name: 'backends', check: () => backends.health() },
    ],
    metrics: createMetrics(sources, loopDelay),
    status: () => statusOf(sources),
  });
}

function createMetrics(sources: HealthSources, loopDelay: EventLoopDelay): Metrics {
  const { door, reconciler, coordinator, meet, units, tally } = sources;
  const jobs = (running: boolean): number =>
    door.status().filter(({ state }) => (state === 'running') === running).length;
  const metrics = new Metrics({
    inFlight: () => jobs(true),
    parked: () => jobs(false),
    locksHeld: () => coordinator.local().held.length,
    locksWaitedFor: () => coordinator.local().waiting.length,
    members: () => meet.members(),
    backends: () => units.map((unit) => ({ backend: unit.host, ready: unit.ready() })),
    shares: () => units.flatMap(sharesOf),
    uncarried: () => reconciler.uncarried(),
    loopDelay: () => loopDelay.read(),
  });
  tally.read(metrics.count);
  return metrics;
}

function sharesOf(unit: BackendUnit): readonly ShareFigures[] {
  const shares = unit.lastStats?.stats.shares ?? [];
  return shares.map(({ location, capacity }) => ({ backend: unit.host, share: location, capacity }));
}

/** `/v1/status`. */
function statusOf({ incarnation, units, door, coordinator, meet, pythonPeers, config }: HealthSources): JsonObject {
  const { held, waiting } = coordinator.local();
  return {
    replica: { ...incarnation },
    cluster: config.settings.service.cluster,
    coordination: { ...coordinator.guarantees },
    members: meet.members().map((member) => ({ ...member, serves: [...member.serves] })),
    python: Object.fromEntries(pythonPeers.meetings()),
    backends: units.map((unit) => ({
      name: unit.name,
      host: unit.host,
      cluster: unit.cluster,
      health: { ...unit.health() },
      shares: (unit.lastStats?.stats.shares ?? []).map((share) => ({
        ...share,
        capacity: share.capacity && { ...share.capacity },
      })),
    })),
    operations: door.status().map((job) => ({ ...job, locks: [...job.locks] })),
    locks: { held: [...held], waiting: [...waiting] },
  };
}
