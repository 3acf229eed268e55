import type { Timestamp } from '../domain/rows.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { DriverStats } from '../drivers/volume-driver.ts';
import type { MessageMaker } from '../rpc/notifier.ts';

/** What the operator adds to a driver's figures; from the backend's options. */
export interface CapabilityExtras {
  readonly extraCapabilities: Readonly<Record<string, unknown>>;
  readonly filterFunction: string | null;
  readonly goodnessFunction: string | null;
}

/** The extra specs that upstream says of every driver that it might understand, by key. */
export const standardProperties: JsonObject = {
  thin_provisioning: property('Thin Provisioning', 'Sets thin provisioning.'),
  compression: property('Compression', 'Enables compression.'),
  qos: property('QoS', 'Enables QoS.'),
  replication_enabled: property('Replication', 'Enables replication.'),
};

function property(title: string, description: string): JsonObject {
  return { title, description, type: 'boolean' };
}

/** Capabilities of one backend at one instant, as the scheduler gets them. */
export interface CapabilityReport {
  readonly capabilities: JsonObject;
  /** `YYYY-MM-DDTHH:MM:SS.ffffff`, UTC: when the figures were looked up. The scheduler keeps the newest. */
  readonly timestamp: string;
}

/**
 * The flat form without `pools`: the scheduler makes one pool of it, named `volume_backend_name`.
 * `allocated` is the sum over all pools of the rows; rows of old releases have none, and belong to the only pool.
 */
export function capabilitiesOf(
  stats: DriverStats,
  allocated: ReadonlyMap<string | null, number>,
  extras: CapabilityExtras,
): JsonObject {
  return {
    ...stats.capabilities,
    ...jsonOf(extras.extraCapabilities),
    allocated_capacity_gb: [...allocated.values()].reduce((sum, gb) => sum + gb, 0),
    filter_function: extras.filterFunction,
    goodness_function: extras.goodnessFunction,
  };
}

/** Came out of JSON.parse, where nothing but JSON can come from. */
function jsonOf(parsed: Readonly<Record<string, unknown>>): JsonObject {
  return parsed as Readonly<Record<string, Json>>;
}

/**
 * A database timestamp as the scheduler reads it (strptime `%Y-%m-%dT%H:%M:%S.%f`): it refuses one without a fraction,
 * and databases leave a fraction of zero out.
 */
export function reportTime(timestamp: Timestamp): string {
  const [seconds = '', fraction = ''] = timestamp.replace(' ', 'T').split('.');
  return `${seconds}.${fraction.padEnd(6, '0').slice(0, 6)}`;
}

/** The two casts of one publication: all schedulers place by the first; one makes capacity notifications of the second. */
export function reportMessages(
  maker: MessageMaker,
  context: JsonObject,
  backend: { readonly host: string; readonly cluster: string | null },
  report: CapabilityReport,
): readonly OutboxMessage[] {
  const common = { service_name: 'volume', capabilities: report.capabilities, timestamp: report.timestamp };
  return [
    maker.fanout(context, 'cinder-scheduler', 'update_service_capabilities', '3.3', {
      ...common,
      host: backend.host,
      cluster_name: backend.cluster,
    }),
    maker.cast(context, { topic: 'cinder-scheduler' }, 'notify_service_capabilities', '3.5', {
      ...common,
      backend: backend.cluster ?? backend.host,
    }),
  ];
}
