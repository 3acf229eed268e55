import type { OutboxMessage } from '../db/ports/custody.ts';
import { elevated } from '../domain/context.ts';
import type { RequestContext } from '../domain/context.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { Snapshot, Timestamp, Volume } from '../domain/rows.ts';
import type { OperationPorts } from './operation.ts';

/*
 * Usage notifications (`volume.*`, `snapshot.*`): billing services read them, so payload and order are upstream's. They
 * are made when an operation is settled and go out with its commit: each once, and none for work that did not end.
 * `*.start` therefore comes together with `*.end`, a little before it, and not when the work begins.
 */

type Values = Readonly<Record<string, string | null>>;

export interface VolumeEvent {
  /** `create.start`, … */
  readonly suffix: string;
  /** The row as it is at this event. */
  readonly volume: Volume;
  /** Glance metadata that the settlement is about to copy; else the volume's own are read. */
  readonly glance?: Values;
}

/** The events of one volume; no statement is made where no notification driver is configured. */
export async function volumeEvents(
  ports: OperationPorts,
  context: RequestContext,
  publisherHost: string,
  events: readonly VolumeEvent[],
): Promise<readonly OutboxMessage[]> {
  const [first] = events;
  if (!ports.messages.enabled || first === undefined) return [];
  const { id } = first.volume;
  const metadata = await ports.db.volumes.metadata(id, 'metadata');
  const attachments = await ports.db.attachments.ofVolume(id);
  const ownGlance = await ports.db.glanceMetadata.of({ volumeId: id });
  return events.flatMap(({ suffix, volume, glance = ownGlance }) =>
    ports.messages.notification(elevated(context), `volume.${publisherHost}`, `volume.${suffix}`, {
      ...volumeUsage(volume),
      metadata: keysAndValues(metadata),
      volume_attachment: attachments.map((row) => ({ ...row })),
      ...(Object.keys(glance).length > 0 && { glance_metadata: keysAndValues(glance) }),
    }),
  );
}

export interface SnapshotEvent {
  readonly suffix: string;
  readonly snapshot: Snapshot;
}

/** The events of one snapshot of `volume`. */
export async function snapshotEvents(
  ports: OperationPorts,
  context: RequestContext,
  volume: Volume | null,
  events: readonly SnapshotEvent[],
): Promise<readonly OutboxMessage[]> {
  const [first] = events;
  if (!ports.messages.enabled || first === undefined) return [];
  const metadata = await ports.db.snapshots.metadata(first.snapshot.id);
  const publisher = `snapshot.${ports.backend.host}`;
  return events.flatMap(({ suffix, snapshot }) =>
    ports.messages.notification(elevated(context), publisher, `snapshot.${suffix}`, {
      ...snapshotUsage(snapshot),
      availability_zone: volume?.availability_zone ?? null,
      metadata: pythonDict(metadata),
    }),
  );
}

function volumeUsage(volume: Volume): JsonObject {
  return {
    tenant_id: volume.project_id,
    host: volume.host,
    user_id: volume.user_id,
    availability_zone: volume.availability_zone,
    volume_id: volume.id,
    volume_type: volume.volume_type_id,
    display_name: volume.display_name,
    launched_at: isoTime(volume.launched_at),
    created_at: isoTime(volume.created_at),
    status: volume.status === 'error_managing_deleting' ? 'deleting' : volume.status,
    snapshot_id: volume.snapshot_id,
    size: volume.size,
    replication_status: volume.replication_status,
    replication_extended_status: volume.replication_extended_status,
    replication_driver_data: volume.replication_driver_data,
  };
}

function snapshotUsage(snapshot: Snapshot): JsonObject {
  return {
    tenant_id: snapshot.project_id,
    user_id: snapshot.user_id,
    volume_id: snapshot.volume_id,
    volume_size: snapshot.volume_size,
    snapshot_id: snapshot.id,
    display_name: snapshot.display_name,
    created_at: isoTime(snapshot.created_at),
    status: snapshot.status,
    deleted: snapshot.deleted ? 'True' : '',
  };
}

/** Python's isoformat: with an offset for a time of the row (no fraction if it is zero), without one for "now". */
export function isoTime(timestamp: Timestamp | null): string {
  if (timestamp === null) return wallClock().replace(' ', 'T');
  return `${timestamp.replace(' ', 'T').replace(/\.0+$/, '')}+00:00`;
}

/** This machine's time in the form of a database timestamp: for payloads only, never for a row. */
export function wallClock(): Timestamp {
  return new Date().toISOString().replace('T', ' ').replace('Z', '000');
}

function keysAndValues(values: Values): readonly Json[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

/** `str(dict)` of Python, which is what upstream sends for a snapshot's metadata; empty text for none. */
function pythonDict(values: Values): string {
  const items = Object.entries(values).map(([key, value]) => `${pythonText(key)}: ${pythonText(value)}`);
  return items.length === 0 ? '' : `{${items.join(', ')}}`;
}

function pythonText(text: string | null): string {
  if (text === null) return 'None';
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`;
}
