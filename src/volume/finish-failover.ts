import type { OutboxMessage } from '../db/ports/custody.ts';
import type { Repositories } from '../db/database.ts';
import type { ServiceChanges } from '../db/ports/services.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Service } from '../domain/rows.ts';
import type { OperationPorts } from './operation.ts';

/** The topic of every cinder-volume. */
const TOPIC = 'cinder-volume';

/** The last part of a failover: what the rows of the backend's services say afterwards. */
export interface FailoverEnd {
  /** Inside the settlement's transaction. */
  apply(db: Repositories): Promise<void>;
  /** To each member of a cluster: it writes its own services row. */
  readonly outbox: readonly OutboxMessage[];
}

/** Of a member of a cluster the cluster's row is written first, so that a service that starts meanwhile sees it. */
export function finishFailover(
  service: Service,
  updates: ServiceChanges,
  context: JsonObject,
  { messages }: OperationPorts,
): FailoverEnd {
  const { id, cluster_name: cluster, binary } = service;
  if (cluster === null || cluster === '') return { apply: (db) => db.services.update(id, updates), outbox: [] };
  const args = { updates: { ...updates } as JsonObject };
  return {
    apply: (db) => db.clusters.update(cluster, binary, updates),
    outbox: [messages.fanout(context, `${TOPIC}.${cluster}`, 'failover_completed', '3.8', args)],
  };
}
