import { Type } from '@sinclair/typebox';
import type { Static } from '@sinclair/typebox';
import { lockNames } from '../../coordination/lock-names.ts';
import type { Repositories } from '../../db/database.ts';
import { now } from '../../db/ports/resources.ts';
import { derivedUuid } from '../../domain/derived-uuid.ts';
import { CinderError, toCinderError } from '../../domain/exceptions.ts';
import type { Backup, Snapshot, Volume } from '../../domain/rows.ts';
import type { CloneSource, VolumeModelUpdate } from '../../drivers/volume-driver.ts';
import type { NothingToDo, Operation, OperationPorts, Scope, Settlement } from '../operation.ts';
import { assertLiesOn } from '../ownership.ts';
import type { RowLooks } from '../row-looks.ts';
import { NotSettledError, mergeAdminMetadata, moveSnapshot, moveVolume, splitUpdate } from '../row-moves.ts';
import { isRemoved, place } from '../volume-making.ts';
import { volumeLocks } from '../volume-locks.ts';
import { ById, Flag } from './arguments.ts';

/*
 * get_backup_device: what the backup service is to read. A volume that nobody uses is read itself; of one in use, and of
 * a snapshot, a temporary volume is made, which the backup service deletes when it is done. The answer is a cast of its
 * own, `continue_backup`.
 *
 * Locks, all at once: of the temporary volume and of what it is made from. Its id is made of the backup's, so that every
 * owner knows it before there is a row.
 *
 * Custody: what a successor finds if the owner ends before, and what it does.
 *
 *   before 1  the backup `creating`: it begins anew.
 *   1 row     one guarded transaction: the temporary volume's row, free of quota, and its id in the backup, by which the
 *             backup service would clean up. `backing-up` from the start: nobody takes it for a lost request.
 *   2 place   its share, saved in the row.
 *   3 make    driver.clone; a complete file is success.
 *   4 settle  one transaction: the row as the driver left it, the cast.
 *
 * A definite failure: nothing is left of the temporary volume, the backup is `error` and says why, volume or snapshot
 * get their status back. (Upstream leaves all of them as they are, until its backup service starts again.)
 *
 * A backup that is not `creating` any more is left alone: its service has given it up.
 */

const Args = Type.Object({ backup: ById, want_objects: Flag, async_call: Flag });
type Args = Static<typeof Args>;

interface State {
  readonly backup: Backup;
  /** The volume that the backup is of. */
  readonly volume: Volume | null;
  readonly snapshot: Snapshot | null;
}

interface Device {
  readonly volume: Volume;
  /** Of a temporary volume. */
  readonly update: VolumeModelUpdate | null;
}

export const getBackupDevice: Operation<typeof Args, State, Device> = {
  name: 'get_backup_device',
  args: Args,
  resource: ({ backup }) => ({ type: 'Backup', id: backup.id }),
  async locks({ backup: { id } }, { db, backend }, rows) {
    const own = volumeLocks(temporaryId(id), backend);
    const backup = await db.backups.get(id);
    if (backup === null) return own;
    const { volume_id: volumeId, snapshot_id: snapshotId } = backup;
    const volume = await rows.volume(volumeId);
    if (snapshotId === null && !isInUse(volume)) return own;
    const source = snapshotId === null ? lockNames.deleteVolume(volumeId) : lockNames.deleteSnapshot(snapshotId);
    return [...own, source, ...backend.driver.locksForVolume(volumeId)];
  },
  load,
  run,
  settle: (state, result, scope, ports) =>
    result.ok
      ? Promise.resolve(settleDevice(state.backup, result.value, scope, ports))
      : settleFailed(state, toCinderError(result.error), scope, ports),
};

async function load({ backup: { id } }: Args, { db }: OperationPorts, rows: RowLooks): Promise<State | NothingToDo> {
  const backup = await db.backups.get(id);
  if (backup === null) return { nothingToDo: 'the backup is gone' };
  if (backup.status !== 'creating') return { nothingToDo: `the backup is ${String(backup.status)}` };
  const snapshot = backup.snapshot_id === null ? null : await rows.snapshot(backup.snapshot_id);
  return { backup, volume: await rows.volume(backup.volume_id), snapshot };
}

async function run(state: State, scope: Scope, ports: OperationPorts): Promise<Device> {
  const { backup, snapshot } = state;
  const volume = home(state, ports);
  if (!ports.backend.ready()) throw new CinderError('DriverNotInitialized', {});
  if (backup.snapshot_id === null && !isInUse(volume)) return { volume, update: null };
  const { clone } = ports.backend.driver;
  if (clone === undefined) throw new CinderError('NotSupportedOperation', { operation: 'a copy for a backup' });
  const source: CloneSource = snapshot === null ? { kind: 'volume', volume } : { kind: 'snapshot', snapshot, volume };
  const temporary = await place(await temporaryRow(backup, volume, scope, ports), scope, ports);
  // Complete, and perhaps being read: this request came before.
  if (temporary.launched_at !== null) return { volume: temporary, update: {} };
  // For the driver it is one that is being made: what an interrupted predecessor left of it may be replaced.
  const update = await clone.create({ ...temporary, status: 'creating' }, source, scope.work);
  return { volume: temporary, update };
}

function home({ backup, volume, snapshot }: State, { backend }: OperationPorts): Volume {
  const { volume_id, snapshot_id } = backup;
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id });
  if (snapshot_id !== null && snapshot === null) throw new CinderError('SnapshotNotFound', { snapshot_id });
  assertLiesOn(backend, volume);
  return volume;
}

/** Step 1. */
async function temporaryRow(
  backup: Backup,
  of: Volume,
  scope: Scope,
  { db, backend }: OperationPorts,
): Promise<Volume> {
  const id = temporaryId(backup.id);
  await scope.save(async (statements) => {
    if ((await statements.volumes.get(id)) === null) {
      const { size, host, cluster_name, availability_zone, volume_type_id } = of;
      const { user_id, project_id } = backup;
      const like = { size, host, cluster_name, availability_zone, volume_type_id, user_id, project_id };
      const own = { id, display_name: `backup-vol-${of.id}`, status: 'backing-up', use_quota: false };
      await statements.volumes.create({ ...like, ...own, service_uuid: backend.service.uuid });
      await statements.volumes.mergeMetadata(id, 'admin_metadata', { temporary: 'True' });
    }
    const expected = { status: 'creating' };
    if ((await statements.backups.update(backup.id, { temp_volume_id: id }, expected)) === 0) throw givenUp(backup);
  });
  const row = await db.volumes.get(id);
  if (row === null) throw givenUp(backup);
  return row;
}

/** Step 4. */
function settleDevice(
  backup: Backup,
  { volume, update }: Device,
  { wire }: Scope,
  { messages, objects, backend }: OperationPorts,
): Settlement {
  const { columns } = splitUpdate(update ?? {});
  const { sharedTargets: shared_targets } = backend.driver.info;
  const device = update === null ? volume : { ...volume, ...columns, shared_targets };
  const args = {
    backup: wire.args['backup'] ?? null,
    backup_device: objects.backupDevice(device, backend.driver.secureFileOperations()),
  };
  const target = { topic: 'cinder-backup', ...(backup.host !== null && { server: backup.host }) };
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      if ((await db.backups.update(backup.id, {}, { status: 'creating' })) === 0) throw givenUp(backup);
      if (update === null) return;
      await db.volumes.update(volume.id, { ...columns, shared_targets, launched_at: now });
      await mergeAdminMetadata(db, volume.id, update);
    },
    outbox: [messages.cast(wire.context, target, 'continue_backup', '2.0', args)],
  };
}

async function settleFailed(
  { backup, volume, snapshot }: State,
  error: CinderError,
  scope: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const temporary = await ports.db.volumes.get(temporaryId(backup.id));
  const isLeft = temporary !== null && !(await isRemoved(temporary, scope, ports));
  const failed = { status: 'error', fail_reason: error.message.slice(0, 255) };
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db) => {
      const changes = { ...failed, ...(!isLeft && { temp_volume_id: null }) };
      if ((await db.backups.update(backup.id, changes, { status: 'creating' })) === 0) throw givenUp(backup);
      if (isLeft) await db.volumes.update(temporary.id, { status: 'error_deleting' });
      else if (temporary !== null) await db.volumes.destroy(temporary.id);
      await giveStatusBack(db, backup, volume, snapshot);
    },
    outbox: [],
  };
}

async function giveStatusBack(
  db: Repositories,
  { snapshot_id }: Backup,
  volume: Volume | null,
  snapshot: Snapshot | null,
): Promise<void> {
  if (snapshot_id !== null) {
    if (snapshot?.status === 'backing-up') await moveSnapshot(db, snapshot, 'available');
  } else if (volume?.status === 'backing-up') {
    const previous_status = 'error_backing-up';
    await moveVolume(db, volume, isInUse(volume) ? 'in-use' : 'available', { previous_status });
  }
}

/** Of a volume that is `backing-up`, the status before says whether somebody uses it. */
function isInUse(volume: Volume | null): boolean {
  return volume?.previous_status === 'in-use';
}

function temporaryId(backupId: string): string {
  return derivedUuid(`temporary volume of backup ${backupId}`);
}

function givenUp({ id }: Backup): NotSettledError {
  return new NotSettledError(`backup ${id} is not being made any more`);
}
