import { randomUUID } from 'node:crypto';
import type { Database, Repositories } from '../../db/database.ts';
import { now } from '../../db/ports/resources.ts';
import type { Volume, VolumeType } from '../../domain/rows.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import type { RpcCaller } from '../../rpc/notifier.ts';
import { queueOf, type Target } from './target.ts';
import {
  createSnapshotArguments,
  createVolumeArguments,
  deleteSnapshotArguments,
  deleteVolumeArguments,
} from './wire-objects.ts';

/** In whose name the requests are made. */
export interface Owner {
  readonly userId: string;
  readonly projectId: string;
}

export interface NewVolume {
  /** Its id; by default a new one. */
  readonly id?: string;
  /** GiB. */
  readonly sizeGb: number;
  readonly name: string;
  readonly from?: { readonly volumeId: string } | { readonly snapshotId: string };
}

export interface RequestPorts {
  readonly db: Database;
  readonly rpc: RpcCaller;
  readonly owner: Owner;
  readonly noSnapshotGbQuota: boolean;
  readonly signal: AbortSignal;
}

/** The version that API and scheduler put on these messages (spec: rpc-methods.md §1). */
const rpcVersion = '3.0';

/**
 * What cinder-api and cinder-scheduler do between a user's request and the cast to the volume service, for people
 * without a cloud and for load: the row with its status, the workers row, the quota, then the message. A message that
 * cannot be sent leaves rows that the replicas' reconciliation takes up, as upstream's API does.
 */
export class VolumeRequests {
  readonly #ports: RequestPorts;

  constructor(ports: RequestPorts) {
    this.#ports = ports;
  }

  /** Returns the new volume's id as soon as the message is sent. */
  async createVolume(request: NewVolume, target: Target, type: VolumeType): Promise<string> {
    const { db, owner } = this.#ports;
    const { id = randomUUID() } = request;
    const volume = await db.transaction(async (rows) => {
      const from = await checkedSource(rows, request);
      await rows.volumes.create({
        id,
        user_id: owner.userId,
        project_id: owner.projectId,
        size: request.sizeGb,
        status: 'creating',
        attach_status: 'detached',
        availability_zone: target.availabilityZone,
        host: target.host,
        cluster_name: target.clusterName,
        display_name: request.name,
        volume_type_id: type.id,
        shared_targets: true,
        use_quota: true,
        ...from,
      });
      await rows.volumes.update(id, { scheduled_at: now });
      await rows.workers.create('Volume', id, 'creating');
      await rows.quotas.adjust(owner.projectId, withType({ volumes: 1, gigabytes: request.sizeGb }, type));
      return existing(await rows.volumes.get(id), `volume ${id}`);
    });
    await this.#cast(volume, 'create_volume', createVolumeArguments(volume, type));
    return id;
  }

  async deleteVolume(id: string, { cascade }: { readonly cascade: boolean }): Promise<void> {
    const deletable = ['available', 'error', 'error_deleting', 'error_restoring', 'error_extending', 'error_managing'];
    const { volume, type } = await this.#ports.db.transaction(async (rows) => {
      const snapshots = await rows.snapshots.ofVolume(id);
      if (snapshots.length > 0 && !cascade) {
        throw new InvalidInputError(`volume ${id}`, `has ${snapshots.length} snapshot(s); --cascade deletes them too`);
      }
      const expected = { status: deletable, attach_status: ['detached', null] };
      const changed = await rows.volumes.update(id, { status: 'deleting', terminated_at: now }, expected);
      const found = existing(await rows.volumes.get(id), `volume ${id}`);
      if (changed === 0) throw new InvalidInputError(`volume ${id}`, `is ${found.status ?? 'without status'}`);
      for (const snapshot of snapshots) await markSnapshotDeleting(rows, snapshot.id);
      await rows.workers.create('Volume', id, 'deleting');
      return { volume: found, type: await typeOf(rows, found) };
    });
    await this.#cast(volume, 'delete_volume', deleteVolumeArguments(volume, type, cascade));
  }

  /** Returns the new snapshot's id as soon as the message is sent. */
  async createSnapshot(volumeId: string, name: string, id: string = randomUUID()): Promise<string> {
    const { db, owner } = this.#ports;
    const { snapshot, volume } = await db.transaction(async (rows) => {
      const source = await usable(rows, volumeId);
      const type = await typeOf(rows, source);
      await rows.snapshots.create({
        id,
        volume_id: volumeId,
        user_id: owner.userId,
        project_id: owner.projectId,
        status: 'creating',
        progress: '0%',
        volume_size: source.size,
        display_name: name,
        volume_type_id: source.volume_type_id,
        use_quota: true,
      });
      await rows.workers.create('Snapshot', id, 'creating');
      await rows.quotas.adjust(owner.projectId, withType(this.#snapshotQuota(source), type));
      return { snapshot: existing(await rows.snapshots.get(id), `snapshot ${id}`), volume: source };
    });
    await this.#cast(volume, 'create_snapshot', createSnapshotArguments(snapshot));
    return id;
  }

  async deleteSnapshot(id: string): Promise<void> {
    const { snapshot, volume, type } = await this.#ports.db.transaction(async (rows) => {
      await markSnapshotDeleting(rows, id);
      const found = existing(await rows.snapshots.get(id), `snapshot ${id}`);
      const parent = existing(await rows.volumes.get(found.volume_id), `volume ${found.volume_id}`);
      return { snapshot: found, volume: parent, type: await typeOf(rows, parent) };
    });
    await this.#cast(volume, 'delete_snapshot', deleteSnapshotArguments(snapshot, volume, type));
  }

  #snapshotQuota(volume: Volume): Record<string, number> {
    return { snapshots: 1, ...(this.#ports.noSnapshotGbQuota ? {} : { gigabytes: volume.size ?? 0 }) };
  }

  async #cast(volume: Volume, method: string, args: Parameters<RpcCaller['cast']>[3]): Promise<void> {
    await this.#ports.rpc.cast(queueOf(volume), method, rpcVersion, args, this.#ports.signal);
  }
}

/** The columns that say where the content comes from, after the checks that the API makes. */
async function checkedSource(rows: Repositories, { from, sizeGb }: NewVolume): Promise<Partial<Volume>> {
  if (from === undefined) return {};
  if ('volumeId' in from) {
    const source = await usable(rows, from.volumeId);
    return atLeast(sizeGb, source.size, `volume ${source.id}`, { source_volid: source.id });
  }
  const snapshot = existing(await rows.snapshots.get(from.snapshotId), `snapshot ${from.snapshotId}`);
  if (snapshot.status !== 'available') {
    throw new InvalidInputError(`snapshot ${snapshot.id}`, `is ${snapshot.status ?? 'without status'}`);
  }
  return atLeast(sizeGb, snapshot.volume_size, `snapshot ${snapshot.id}`, { snapshot_id: snapshot.id });
}

function atLeast(sizeGb: number, sourceGb: number | null, what: string, columns: Partial<Volume>): Partial<Volume> {
  if (sizeGb >= (sourceGb ?? 0)) return columns;
  throw new InvalidInputError(what, `has ${sourceGb ?? 0} GiB; a copy cannot be smaller`);
}

async function usable(rows: Repositories, id: string): Promise<Volume> {
  const volume = existing(await rows.volumes.get(id), `volume ${id}`);
  if (volume.status === 'available' || volume.status === 'in-use') return volume;
  throw new InvalidInputError(`volume ${id}`, `is ${volume.status ?? 'without status'}`);
}

async function markSnapshotDeleting(rows: Repositories, id: string): Promise<void> {
  const expected = { status: ['available', 'error', 'error_deleting'] };
  if ((await rows.snapshots.update(id, { status: 'deleting' }, expected)) > 0) return;
  const found = existing(await rows.snapshots.get(id), `snapshot ${id}`);
  throw new InvalidInputError(`snapshot ${id}`, `is ${found.status ?? 'without status'}`);
}

async function typeOf(rows: Repositories, volume: Volume): Promise<VolumeType> {
  return existing(
    volume.volume_type_id === null ? null : await rows.volumeTypes.get(volume.volume_type_id),
    `the type of volume ${volume.id}`,
  );
}

function existing<T>(row: T | null, what: string): T {
  if (row === null) throw new InvalidInputError(what, 'does not exist');
  return row;
}

/** Quota is counted twice: for the project, and for the project's use of the type. */
function withType(deltas: Readonly<Record<string, number>>, type: VolumeType): Record<string, number> {
  const ofType = Object.entries(deltas).map(([name, delta]) => [`${name}_${type.name ?? ''}`, delta] as const);
  return { ...deltas, ...Object.fromEntries(ofType) };
}
