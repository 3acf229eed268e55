import type { Repositories } from '../db/database.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { Changes } from '../db/ports/resources.ts';
import { derivedUuid } from '../domain/derived-uuid.ts';
import { CinderError } from '../domain/exceptions.ts';
import { backendOf } from '../domain/host.ts';
import { targetOf } from '../domain/migration.ts';
import type { Volume } from '../domain/rows.ts';
import { delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import type { OperationPorts, Scope } from './operation.ts';
import { queueOf } from './peers.ts';
import { changed } from './row-moves.ts';

/*
 * The row that a volume migrates into, and the other backend's making of it.
 */

/** Where a volume is to go. */
export interface Route {
  readonly host: string;
  readonly cluster_name: string | null;
  /** The type that it gets by the way; null: it keeps its own. */
  readonly typeId: string | null;
}

/** What marks the entry whose migration it is; its value is the target's id. */
export const targetNote = 'migration_target';

/** Made of the entry, so that every owner of it knows the same. */
export function targetId(volumeId: string, { claim }: Scope): string {
  return derivedUuid(`migration of volume ${volumeId} by entry ${claim.entryId}`);
}

/**
 * One guarded transaction: the volume `migrating`, the target's row with what describes it, the cast to the other
 * backend, and the note that this entry did it.
 */
export async function beginMigration(volume: Volume, route: Route, scope: Scope, ports: OperationPorts): Promise<void> {
  const row = await newTarget(volume, route, scope, ports);
  const metadata = await ports.db.volumes.metadata(volume.id, 'metadata');
  const { format: _own, base_format: _base, ...admin } = await ports.db.volumes.metadata(volume.id, 'admin_metadata');
  await scope.save(async (db) => {
    const { status, host, migration_status } = volume;
    const expected = { status, host, migration_status };
    if ((await db.volumes.update(volume.id, { migration_status: 'migrating' }, expected)) === 0) throw changed(volume);
    await db.volumes.create(row);
    await db.volumes.mergeMetadata(row.id, 'metadata', metadata);
    await db.volumes.mergeMetadata(row.id, 'admin_metadata', admin);
    await db.workers.create('Volume', row.id, 'creating');
    await db.outbox.add([creation(row, scope, ports)], scope.owner);
    await db.journal.note(scope.claim, { [targetNote]: row.id });
  });
}

/** The target once the other backend has made it. */
export async function madeTarget(id: string, scope: Scope, { db, settings }: OperationPorts): Promise<Volume> {
  const backoff = new Backoff({ initialMs: 100, maxMs: 2_000 });
  const until = performance.now() + settings.migrationTimeoutMs;
  return scope.park(async () => {
    for (;;) {
      const row = await db.volumes.get(id);
      if (row === null) throw failed('the new volume was removed');
      if (row.status === 'error') throw failed('the other backend could not make the new volume');
      // From `available` it goes on to whatever a server that swaps to it makes of it.
      if (row.status !== 'creating' && row.status !== 'downloading') return row;
      if (performance.now() >= until) throw failed('the other backend did not make the new volume in time');
      await delay(backoff.nextMs(), scope.signal);
    }
  });
}

/**
 * Nothing of the target is wanted any more. What the other backend has not made yet it will not find; else it is asked
 * to delete it, and its row says so, should the request get lost. Answers the request.
 */
export async function giveUpTarget(
  db: Repositories,
  target: Volume,
  scope: Scope,
  ports: OperationPorts,
): Promise<void> {
  if (target.status === 'creating') {
    await db.volumes.destroy(target.id);
    await db.workers.drop('Volume', target.id);
    return;
  }
  await db.volumes.update(target.id, { status: 'deleting' });
  await db.workers.create('Volume', target.id, 'deleting');
  await db.outbox.add([deletion({ ...target, status: 'deleting' }, scope, ports)], scope.owner);
}

/** The request to delete what lies under this row. */
export function deletion(row: Volume, { wire }: Scope, { messages, objects }: OperationPorts): OutboxMessage {
  const args = { volume: objects.volume(row), unmanage_only: false, cascade: false };
  return messages.cast(wire.context, queueOf(row), 'delete_volume', '3.0', args);
}

/** The volume's row leads to the target's data, under this name, and the target's to the volume's: both, or an error. */
export async function swapPlaces(
  db: Repositories,
  volume: Volume,
  target: Volume,
  nameId: string | null,
  also: Changes<Volume> = {},
): Promise<void> {
  const there = { provider_location: volume.provider_location, _name_id: volume._name_id };
  const here = { provider_location: target.provider_location, _name_id: target._name_id };
  const moved = { provider_location: target.provider_location, _name_id: nameId, ...also };
  const written =
    (await db.volumes.update(volume.id, moved, there)) + (await db.volumes.update(target.id, there, here));
  if (written < 2) throw changed(volume);
}

export function failed(reason: string): CinderError {
  return new CinderError('VolumeMigrationFailed', { reason }, { outcome: 'failed' });
}

function creation(row: Volume, { wire }: Scope, { messages, objects }: OperationPorts): OutboxMessage {
  const args = { volume: objects.volume(row), request_spec: null, filter_properties: null, allow_reschedule: false };
  return messages.cast(wire.context, queueOf(row), 'create_volume', '3.0', args);
}

/** Made empty, so it names no source; its place is the other backend's to choose. */
async function newTarget(volume: Volume, route: Route, scope: Scope, { db }: OperationPorts): Promise<Volume> {
  const { host, cluster_name, typeId } = route;
  return {
    ...volume,
    ...{ id: targetId(volume.id, scope), host, cluster_name, availability_zone: await zoneOf(route, db) },
    ...{ status: 'creating', attach_status: 'detached', migration_status: targetOf(volume.id), use_quota: false },
    ...{ _name_id: null, provider_location: null, snapshot_id: null, source_volid: null },
    volume_type_id: typeId ?? volume.volume_type_id,
  };
}

async function zoneOf({ host, cluster_name: cluster }: Route, db: Repositories): Promise<string | null> {
  const services = await db.services.list({ binary: 'cinder-volume' });
  const own = services.find((service) => service.host === backendOf(host));
  const found = own ?? services.find(({ cluster_name: name }) => cluster !== null && name === backendOf(cluster));
  if (found === undefined) throw new CinderError('ServiceNotFound', { service_id: backendOf(host) });
  return found.availability_zone;
}
