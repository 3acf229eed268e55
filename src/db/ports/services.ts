import type { Cluster, Service } from '../../domain/rows.ts';

export interface ServiceRepositories {
  readonly services: ServiceRepository;
  readonly clusters: ClusterRepository;
}

export interface ServiceRegistration {
  readonly host: string;
  readonly binary: string;
  readonly topic: string;
  readonly availabilityZone: string;
  readonly rpcVersion: string;
  readonly objectVersion: string;
  /** `cluster@backend`, or null. */
  readonly clusterName: string | null;
  /** The `disabled` of a row that is made new. */
  readonly disabledIfNew: boolean;
}

/** What a failover, a freeze or an operator changes of a service, and of the cluster that it is a member of. */
export interface ServiceChanges {
  readonly replication_status?: string;
  readonly active_backend_id?: string | null;
  readonly frozen?: boolean;
  readonly disabled?: boolean;
  readonly disabled_reason?: string | null;
}

export interface ServiceRepository {
  /**
   * Finds the row by host and binary and refreshes it, or makes it; keeps its id, uuid and an old cluster name.
   * Replicas that start at once on one host name get the same row. `joined`: the row became part of the cluster now.
   */
  register(registration: ServiceRegistration): Promise<{ service: Service; joined: boolean }>;
  /** A heartbeat: report_count + 1, updated_at = now. False: the row is gone. */
  beat(id: number, availabilityZone: string): Promise<boolean>;
  get(id: number): Promise<Service | null>;
  list(filter?: { binary?: string }): Promise<readonly (Service & { readonly age_ms: number })[]>;
  update(id: number, changes: ServiceChanges): Promise<void>;
  /** Of all members of the cluster whose column is as expected. */
  updateMembers(
    member: { readonly cluster: string; readonly binary: string },
    changes: ServiceChanges & { readonly disabled: boolean },
    expected: { readonly disabled: boolean } | { readonly disabled_reason: string },
  ): Promise<void>;
  /** Null: alone again. No sign of life: `updated_at` stays. */
  setCluster(id: number, clusterName: string | null): Promise<void>;
  /** Marks the rows deleted; workers and volumes may go on referring to them. */
  retire(ids: readonly number[]): Promise<void>;
  /** The smallest of all not-deleted rows of `binary` (all binaries if none is named); null without rows. */
  minimumVersions(binary?: string): Promise<{ rpc: string | null; object: string | null }>;
}

export interface ClusterRepository {
  /** Makes the row if it is missing; safe when several members do it at once. */
  ensure(name: string, binary: string, from: ClusterStart): Promise<Cluster>;
  get(name: string, binary: string): Promise<Cluster | null>;
  update(name: string, binary: string, changes: ServiceChanges): Promise<void>;
  /** Puts the host's volumes, groups and cache entries under the cluster's name (`host` → `cluster`, pool kept). */
  includeResources(host: string, clusterName: string): Promise<{ volumes: number; groups: number }>;
  /** The other way: out of the cluster, to `host` (pool kept). Volumes get the service's uuid, where one is given. */
  excludeResources(clusterName: string, host: string, serviceUuid: string | null): Promise<void>;
  /** What `includeResources` would change. */
  rowsOutside(host: string, clusterName: string): Promise<BackendRows>;
  rowsInside(clusterName: string): Promise<BackendRows>;
  /** Marks the row deleted, so that the name is free again. */
  retire(name: string, binary: string): Promise<void>;
}

/** What a new cluster's row takes over from its first member's. */
export type ClusterStart = Pick<Service, 'disabled' | 'replication_status' | 'active_backend_id' | 'frozen'>;

/** The tables in which a row says on which backend it lies, with how many rows each. */
export type BackendRows = Readonly<Record<(typeof BACKEND_TABLES)[number], number>>;
export const BACKEND_TABLES = ['volumes', 'groups', 'consistencygroups', 'image_volume_cache_entries'] as const;
