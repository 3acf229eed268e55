import type { Database, Repositories } from '../db/database.ts';
import type { WorkerRow } from '../db/ports/resources.ts';
import type { BackendRows } from '../db/ports/services.ts';
import type { Service } from '../domain/rows.ts';
import { requestQueues, type QueueDepths } from './join-cluster.ts';

/*
 * Back to one Python service: rows under its host's name again, what was begun and not ended in its name, so that its
 * start cleans up as after a crash of its own, and services rows of ours gone. Requires that nothing is left of ours to
 * be done: the journal and the outbox mean nothing to Python.
 */

export interface Leaving {
  readonly backend: string;
  /** `cluster@backend`, or null where replicas shared the host's name. */
  readonly cluster: string | null;
  /** `host@backend` of the service that takes over. */
  readonly host: string;
}

export interface LeavePlan extends Leaving {
  /** The row of `host`; Python makes one where there is none. */
  readonly heir: Service | null;
  readonly leaving: readonly Service[];
  readonly rows: BackendRows;
  /** The rows of `workers` that are the heir's afterwards: its own, those of the services that leave, and what is left. */
  readonly begun: readonly WorkerRow[];
  readonly queues: ReadonlyMap<string, number | null>;
  readonly hindrances: readonly string[];
}

const BINARY = 'cinder-volume';
const OWN_BINARY = 'cinder-volume-aa';
const mostListed = 20;

export interface LeaveOptions {
  readonly depths: QueueDepths;
  /** More work that is to be the heir's, whoever had begun it. */
  readonly left: readonly WorkerRow[];
}

/** Looks, and changes nothing. */
export async function planLeave(db: Database, leaving: Leaving, { depths, left }: LeaveOptions): Promise<LeavePlan> {
  const { host, cluster } = leaving;
  const services = await db.services.list();
  const heir = services.find((service) => service.binary === BINARY && service.host === host) ?? null;
  const others = services.filter((service) => service.id !== heir?.id && isOurs(service, leaving));
  const of = await workersOf(db, heir === null ? others : [heir, ...others]);
  const begun = [...new Map([...of, ...left].map((row) => [row.id, row])).values()];
  const queues = await depths(queuesOf(leaving, others));
  return {
    ...leaving,
    heir,
    leaving: others,
    rows: cluster === null ? noRows : await db.clusters.rowsInside(cluster),
    begun,
    queues,
    hindrances: [
      ...(begun.length > 0 && heir === null
        ? [`${begun.length} rows of begun work need a services row of ${host}: start its service once, and stop it`]
        : []),
      ...[...queues].flatMap(([name, waiting]) =>
        waiting ? [`${waiting} requests wait in ${name}: run a replica`] : [],
      ),
    ],
  };
}

/** What hinders going back whatever the backend: replicas that run, and work that only they can end. */
export async function leftToDo(
  db: Database,
  backends: readonly string[],
  presumedDeadAfterMs: number,
): Promise<readonly string[]> {
  const running = (await db.incarnations.list()).filter(({ beatAgeMs }) => beatAgeMs <= presumedDeadAfterMs);
  const unfinished = await db.journal.unfinished(backends, mostListed + 1);
  const unsent = await db.outbox.pending('', 0, mostListed + 1);
  const run = 'start one replica until they are done';
  return [
    ...running.map(({ host, pid }) => `the replica ${host} (pid ${pid}) runs: stop it`),
    ...(unfinished.length > 0 ? [`${atLeast(unfinished.length)} requests are not ended: ${run}`] : []),
    ...(unsent.length > 0 ? [`${atLeast(unsent.length)} messages are not sent: ${run}`] : []),
  ];
}

/** Carries plans out, all or nothing, and safe to repeat. */
export async function leave(db: Database, plans: readonly LeavePlan[]): Promise<void> {
  await db.transaction(async (tx) => {
    for (const { cluster, host, heir, leaving, begun } of plans) {
      const ids = leaving.map(({ id }) => id);
      if (cluster !== null) await tx.clusters.excludeResources(cluster, host, heir?.uuid ?? null);
      if (heir !== null) {
        const since = await workersOf(tx, leaving);
        await tx.workers.hand([...new Set([...begun, ...since].map(({ id }) => id))], heir.id);
        await tx.services.setCluster(heir.id, null);
      }
      await tx.services.retire(ids);
      if (cluster !== null) await tx.clusters.retire(cluster, BINARY);
    }
  });
}

async function workersOf(db: Repositories, services: readonly Service[]): Promise<readonly WorkerRow[]> {
  return (await Promise.all(services.map(({ id }) => db.workers.ofService(id)))).flat();
}

/** A member of the cluster, or a row that only our own work needed. */
function isOurs({ binary, host, cluster_name }: Service, leaving: Leaving): boolean {
  if (binary === OWN_BINARY) return host.endsWith(`@${leaving.backend}`);
  return binary === BINARY && leaving.cluster !== null && cluster_name === leaving.cluster;
}

/** The queues that nobody reads any more afterwards. */
function queuesOf({ cluster, host }: Leaving, others: readonly Service[]): readonly string[] {
  const names = [...(cluster === null ? [] : [cluster]), ...others.map((service) => service.host)];
  return [...new Set(names)].filter((name) => name !== host).flatMap(requestQueues);
}

function atLeast(count: number): string {
  return count > mostListed ? `more than ${mostListed}` : String(count);
}

const noRows: BackendRows = { volumes: 0, groups: 0, consistencygroups: 0, image_volume_cache_entries: 0 };
