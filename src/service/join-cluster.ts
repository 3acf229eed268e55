import type { Database } from '../db/database.ts';
import type { BackendRows } from '../db/ports/services.ts';
import type { WorkerRow } from '../db/ports/resources.ts';
import { parseHost } from '../domain/host.ts';
import type { Cluster, Service } from '../domain/rows.ts';

/*
 * From one host to a cluster: what `cinder-manage` has no command for. A Python service that stood alone (or several
 * under one host name) has written its name into `host` of all that it made, and requests go to that host's queue. In
 * the cluster they go to the cluster's queue, and the rows say so by `cluster_name`. `host` stays: it says who handled
 * a volume last, and whoever handles it next writes its own.
 */

/** One backend's way into a cluster. */
export interface Joining {
  /** The section in cinder.conf. */
  readonly backend: string;
  /** `host@backend` of the service that leaves. */
  readonly host: string;
  /** `cluster@backend`. */
  readonly cluster: string;
}

/** How many messages wait in each queue; null: there is none of that name. */
export type QueueDepths = (queues: readonly string[]) => Promise<ReadonlyMap<string, number | null>>;

export interface JoinPlan extends Joining {
  readonly service: Service | null;
  readonly rows: BackendRows;
  /** What the service had begun and not ended. */
  readonly workers: readonly WorkerRow[];
  /** Those that requests went to until now. */
  readonly queues: ReadonlyMap<string, number | null>;
  /** Empty: it can be done. */
  readonly hindrances: readonly string[];
}

const BINARY = 'cinder-volume';

/**
 * The queues of requests for a `host@backend` or `cluster@backend`: senders of today name the host, or the cluster, once
 * more as the server; those before them did not.
 */
export function requestQueues(backend: string): readonly [string, string] {
  const topic = `${BINARY}.${backend}`;
  return [`${topic}.${parseHost(backend).host}`, topic];
}

export interface JoinOptions {
  /** A service that was silent for longer is down. */
  readonly downAfterMs: number;
  readonly depths: QueueDepths;
}

/** Looks, and changes nothing. */
export async function planJoin(db: Database, joining: Joining, options: JoinOptions): Promise<JoinPlan> {
  const { host, cluster } = joining;
  const services = await db.services.list({ binary: BINARY });
  const found = services.find((service) => service.host === host);
  const queues = await options.depths(requestQueues(host));
  const rows = await db.clusters.rowsOutside(host, cluster);
  const { disabled = false } = (await db.clusters.get(cluster, BINARY)) ?? {};
  return {
    ...joining,
    service: found ?? null,
    rows,
    workers: found === undefined ? [] : await db.workers.ofService(found.id),
    queues,
    hindrances: [
      ...(found === undefined ? hindrancesWithoutService(joining, rows) : hindrancesOf(found, joining, options)),
      ...(disabled ? [`the cluster ${cluster} is disabled: enable it, or the scheduler gives it nothing`] : []),
      ...[...queues].flatMap(([name, waiting]) =>
        waiting ? [`${waiting} requests wait in ${name}: let ${host} take them first`] : [],
      ),
    ],
  };
}

function hindrancesOf(service: Service & { readonly age_ms: number }, joining: Joining, { downAfterMs }: JoinOptions) {
  const { host, cluster } = joining;
  const isUp = service.age_ms <= downAfterMs;
  const other = service.cluster_name !== null && service.cluster_name !== '' && service.cluster_name !== cluster;
  return [
    ...(isUp ? [`${host} is up: stop it, and wait ${Math.ceil(downAfterMs / 1000)} s`] : []),
    ...(other
      ? [`${host} is in the cluster ${service.cluster_name}: "cinder-manage cluster rename" changes that`]
      : []),
  ];
}

function hindrancesWithoutService({ host }: Joining, rows: BackendRows): readonly string[] {
  return Object.values(rows).every((count) => count === 0)
    ? [`there is neither a service nor a row of ${host}: name the host that made the volumes with --from`]
    : [];
}

/**
 * Carries plans out, all or nothing, and safe to repeat. The service's row joins too: its own start would otherwise
 * do it once more, and a service list shows what belongs together.
 */
export async function join(db: Database, plans: readonly JoinPlan[]): Promise<void> {
  await db.transaction(async (tx) => {
    for (const { service, host, cluster } of plans) {
      await tx.clusters.ensure(cluster, BINARY, service ?? likeNew);
      await tx.clusters.includeResources(host, cluster);
      if (service !== null) await tx.services.setCluster(service.id, cluster);
    }
  });
}

/** What a cluster's row begins with where no service's row says otherwise. */
const likeNew: Pick<Cluster, 'disabled' | 'replication_status' | 'active_backend_id' | 'frozen'> = {
  disabled: false,
  replication_status: 'not-capable',
  active_backend_id: null,
  frozen: false,
};
