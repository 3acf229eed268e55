import type { Database } from '../db/database.ts';
import type { ServiceRegistration } from '../db/ports/services.ts';
import type { Cluster, Service } from '../domain/rows.ts';
import { AppError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';

/** What a service with this replication status does not take from its cluster: somebody has to mend it first. */
const BROKEN_REPLICATION = ['error', 'failover-error'];

/**
 * The services row of one backend, and the clusters row where there is a cluster.
 *
 * The row is found by host and binary and kept for ever: workers rows and volumes refer to its id and uuid, so it is
 * refreshed at a start and never made anew while it exists. Replicas that share one host name share the row.
 */
export class Registration {
  readonly identity: ServiceRegistration;
  readonly #database: Database;
  readonly #log: Logger;
  #service: { readonly id: number; readonly uuid: string } | undefined;

  constructor(database: Database, identity: ServiceRegistration, log: Logger) {
    this.identity = identity;
    this.#database = database;
    this.#log = log;
  }

  /** The row; throws before `register` has succeeded. After a row was deleted and made anew it is the new one. */
  get service(): { readonly id: number; readonly uuid: string } {
    if (this.#service === undefined) throw new NotRegisteredError(this.identity.host);
    return this.#service;
  }

  /**
   * One transaction, safe to repeat when its end is unknown. Joining a cluster and taking the host's resources along
   * belong together: if we died between them, the next start would find a row that has its cluster, and the volumes
   * would stay outside for ever.
   */
  async register(): Promise<void> {
    const { service, joined, included } = await this.#database.transaction(async (db) => {
      const { service, joined } = await db.services.register(this.identity);
      if (service.cluster_name === null) return { service, joined, included: null };
      const cluster = await db.clusters.ensure(service.cluster_name, this.identity.binary, service);
      if (!joined) return { service, joined, included: null };
      await this.#takeOverFrom(cluster, service, db);
      const included = await db.clusters.includeResources(this.identity.host, service.cluster_name);
      return { service, joined, included };
    });
    this.#service = { id: service.id, uuid: service.uuid };
    this.#tell(service, joined, included);
  }

  /** One heartbeat. A row that an operator has removed is made again. */
  async beat(): Promise<void> {
    if (await this.#database.services.beat(this.service.id, this.identity.availabilityZone)) return;
    this.#log.warn(
      { service_id: this.service.id, host: this.identity.host },
      'The services row is gone; making it anew',
    );
    await this.register();
  }

  /**
   * Says whether the driver replicates. A row that stays at `not-capable` (the column's default) is one whose service
   * has never come up.
   */
  async setReplication(enabled: boolean): Promise<void> {
    const wanted = enabled ? 'enabled' : 'disabled';
    const { services, clusters } = this.#database;
    const service = await services.get(this.service.id);
    if (service === null || service.replication_status === 'failed-over') return;
    if (service.replication_status !== wanted) await services.update(service.id, { replication_status: wanted });
    if (service.cluster_name === null) return;
    const cluster = await clusters.get(service.cluster_name, this.identity.binary);
    if (cluster === null || cluster.replication_status === 'failed-over') return;
    if (cluster.replication_status !== wanted) {
      await clusters.update(cluster.name, cluster.binary, { replication_status: wanted });
    }
  }

  /** A new member is what its cluster is: frozen, or working on its replica. */
  async #takeOverFrom(cluster: Cluster, service: Service, db: Pick<Database, 'services'>): Promise<void> {
    if (BROKEN_REPLICATION.includes(service.replication_status ?? '')) return;
    const { replication_status, active_backend_id, frozen } = cluster;
    const same =
      service.replication_status === replication_status &&
      service.active_backend_id === active_backend_id &&
      service.frozen === frozen;
    if (same || replication_status === null) return;
    await db.services.update(service.id, { replication_status, active_backend_id, frozen });
  }

  #tell(service: Service, joined: boolean, included: { volumes: number; groups: number } | null): void {
    const { host, clusterName } = this.identity;
    const fields = { host, service_id: service.id, cluster: service.cluster_name };
    if (service.cluster_name !== clusterName) {
      this.#log.warn(
        { ...fields, configured: clusterName },
        'The cluster in the configuration is not the one of the services row. Resources are NOT moved; use "cinder-manage cluster rename"',
      );
    }
    if (joined && included !== null) {
      const { volumes, groups } = included;
      this.#log.info(
        fields,
        `${host} joined the cluster: ${volumes} volumes and ${groups} groups included in cluster ${service.cluster_name ?? ''}`,
      );
    } else this.#log.info(fields, 'Registered the service');
  }
}

/** The backend has no services row yet. */
export class NotRegisteredError extends AppError {
  readonly code = 'NOT_REGISTERED';
  constructor(host: string) {
    super(`${host} has no services row yet`, { outcome: 'not-started' });
  }
}
