import type { Repositories } from '../db/database.ts';
import { attachStateOf } from '../domain/attach-status.ts';
import { toCinderError } from '../domain/exceptions.ts';
import { isMigrating, migratedFrom } from '../domain/migration.ts';
import type { Volume } from '../domain/rows.ts';
import { assertMove } from '../domain/status.ts';
import { isPastReturn } from './migration-handover.ts';
import { deletion, giveUpTarget } from './migration-target.ts';
import type { OperationPorts, Scope, Settlement } from './operation.ts';
import { liesOn } from './ownership.ts';
import { changed, NotSettledError } from './row-moves.ts';

/*
 * How a migration ends in the rows of the volume and of its target: for migrate_volume, retype and
 * migrate_volume_completion.
 */

/** What a retype adds, inside the same transaction. */
export type Also = (db: Repositories) => Promise<void>;

/**
 * The volume keeps its id, its name and whom it belongs to, and gets the target's place; the target's row leads to the
 * old data, which its backend is asked to delete. Attachments of the target (a server has swapped to it) are the
 * volume's from now on.
 */
export async function settleMigrated(
  volumeId: string,
  target: string,
  scope: Scope,
  ports: OperationPorts,
  also: Also = () => Promise.resolve(),
): Promise<Settlement> {
  const volume = await ports.db.volumes.get(volumeId);
  const made = await ports.db.volumes.get(target);
  if (volume === null || made === null) throw new NotSettledError(`volume ${volumeId} or ${target} is gone`);
  const old = oldData(volume, made);
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      for (const { id } of await db.attachments.ofVolume(target))
        await db.attachments.update(id, { volume_id: volumeId });
      await putThere(db, volume, made);
      const { id, ...columns } = old;
      const expected = { status: made.status, migration_status: made.migration_status };
      if ((await db.volumes.update(id, columns, expected)) === 0) throw changed(made);
      await db.workers.create('Volume', target, 'deleting');
      await also(db);
    },
    outbox: [deletion({ ...made, ...old }, scope, ports)],
    after: () => {
      ports.backend.capabilitiesChanged();
    },
  };
}

/** The volume stays where it is, as it was; nothing is left of the target. */
export async function settleNotMigrated(
  before: Volume,
  target: string,
  thrown: Error,
  scope: Scope,
  ports: OperationPorts,
  also: Also = () => Promise.resolve(),
): Promise<Settlement> {
  const error = toCinderError(thrown);
  const volume = await ports.db.volumes.get(before.id);
  const made = await ports.db.volumes.get(target);
  if (volume !== null && hasLeft(volume, before, scope)) {
    throw new NotSettledError(`volume ${volume.id} has been handed over: ${error.message}`);
  }
  scope.log.error({ err: error, target }, 'the volume was not migrated');
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      if (volume !== null && liesOn(ports.backend, volume)) await stay(db, volume);
      // One that was given up before is somebody's to delete.
      if (made !== null && made.status !== 'deleting' && migratedFrom(made) === before.id) {
        await giveUpTarget(db, made, scope, ports);
      }
      await also(db);
    },
    outbox: [],
  };
}

/** The status that a volume goes back to when nothing migrates it any more. */
export function statusBefore({ status, previous_status }: Volume): 'available' | 'in-use' {
  const known = [previous_status, status].find((one) => one === 'available' || one === 'in-use');
  return known === 'in-use' ? 'in-use' : 'available';
}

function hasLeft(volume: Volume, before: Volume, scope: Scope): boolean {
  const { provider_location, _name_id } = before;
  return isPastReturn(volume, scope) || volume.provider_location !== provider_location || volume._name_id !== _name_id;
}

async function putThere(db: Repositories, volume: Volume, made: Volume): Promise<void> {
  const { id, status, host, migration_status, provider_location, _name_id } = volume;
  const { format = null, base_format = null } = await db.volumes.metadata(made.id, 'admin_metadata');
  const state = await stateOf(db, volume);
  const columns = {
    ...placement(made),
    ...state,
    volume_type_id: made.volume_type_id,
    previous_status: made.status,
    migration_status: 'success',
  };
  const expected = { status, host, migration_status, provider_location, _name_id };
  if ((await db.volumes.update(id, columns, expected)) === 0) throw changed(volume);
  await db.volumes.mergeMetadata(id, 'admin_metadata', { format, base_format });
}

/** Attachments decide, where there are any. */
async function stateOf(db: Repositories, volume: Volume): Promise<Pick<Volume, 'status' | 'attach_status'>> {
  const attachments = await db.attachments.ofVolume(volume.id);
  const state = attachStateOf(attachments);
  const status = state.attach_status === 'detached' ? statusBefore(volume) : state.status;
  if (isHeld(volume)) assertMove('Volume', volume.status, status);
  return { status, attach_status: state.attach_status };
}

/** What the volume's row said of its old data, in the row of what is to be deleted. */
function oldData(volume: Volume, made: Volume) {
  return {
    id: made.id,
    ...placement(volume),
    _name_id: made._name_id ?? volume.id,
    status: 'deleting',
    attach_status: 'detached',
    migration_status: 'deleting',
    display_description: `migration src for ${volume.id}`,
  };
}

/** The columns that say where a volume's data are and how they got there. */
function placement(row: Volume) {
  const { host, cluster_name, availability_zone, service_uuid, shared_targets, launched_at, scheduled_at } = row;
  const { provider_id, provider_auth, provider_geometry, encryption_key_id } = row;
  const { replication_status, replication_extended_status, replication_driver_data } = row;
  return {
    ...{ host, cluster_name, availability_zone, service_uuid, shared_targets, launched_at, scheduled_at },
    ...{ provider_id, provider_auth, provider_geometry, encryption_key_id },
    ...{ replication_status, replication_extended_status, replication_driver_data },
  };
}

async function stay(db: Repositories, volume: Volume): Promise<void> {
  const { id, status, host, migration_status, provider_location, _name_id } = volume;
  const back = isHeld(volume) ? statusBefore(volume) : status;
  if (back !== status) assertMove('Volume', status, back ?? '');
  const expected = { status, host, migration_status, provider_location, _name_id };
  const changes = { status: back, ...(isMigrating(volume) && { migration_status: 'error' }) };
  if ((await db.volumes.update(id, changes, expected)) === 0) throw changed(volume);
}

/** Its status says that it is being moved; else nobody has taken it away from what it was. */
function isHeld({ status }: Volume): boolean {
  return status === 'retyping' || status === 'maintenance';
}
