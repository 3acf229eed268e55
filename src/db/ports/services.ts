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
  /** The smallest of all not-deleted rows of `binary` (all binaries if none is named); null without rows. */
  minimumVersions(binary?: string): Promise<{ rpc: string | null; object: string | null }>;
}

export interface ClusterRepository {
  /** Makes the row if it is missing; safe when several members do it at once. */
  ensure(name: string, binary: string, from: Service): Promise<Cluster>;
  get(name: string, binary: string): Promise<Cluster | null>;
  update(name: string, binary: string, changes: ServiceChanges): Promise<void>;
  /** Puts the host's volumes, groups and cache entries under the cluster's name (`host` → `cluster`, pool kept). */
  includeResources(host: string, clusterName: string): Promise<{ volumes: number; groups: number }>;
}
