import { setMaxListeners } from 'node:events';
import type { Config } from '../../config/load.ts';
import type { Database } from '../../db/database.ts';
import type { Snapshot, Volume, VolumeType } from '../../domain/rows.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { everyRow } from '../../kernel/pages.ts';
import { openCaller } from './open-caller.ts';
import { openDatabaseOf, refuseForeignDatabase } from './open-rows.ts';
import { VolumeRequests, type NewVolume, type Owner } from './requests.ts';
import { RowWatch } from './row-watch.ts';
import { chooseTarget, type Target } from './target.ts';

/** What commands need to drive replicas: the rows, the queue, and the requests made of both. */
export interface Drive {
  readonly db: Database;
  readonly requests: VolumeRequests;
  readonly watch: RowWatch;
  readonly owner: Owner;
  /** Where new volumes go; `backend`: a name, `host@backend` or `cluster@backend`. */
  target(backend: string | undefined): Promise<Target>;
  volumeType(name: string | undefined): Promise<VolumeType>;
  /** GiB of the source; 1 where there is none. */
  sizeOf(from: NewVolume['from']): Promise<number>;
  volumes(): Promise<readonly Volume[]>;
  snapshots(): Promise<readonly Snapshot[]>;
  close(): Promise<void>;
}

export interface DriveOptions {
  /** Write into a database that a cloud's API owns. */
  readonly bypassApi: boolean;
  readonly signal: AbortSignal;
}

/** In whose name the command line acts; no Keystone knows them. */
const owner: Owner = { userId: 'cinder-volume-aa', projectId: 'cinder-volume-aa' };

/** @throws InvalidInputError on a database of a cloud, unless `bypassApi` */
export async function openDrive(config: Config, { bypassApi, signal }: DriveOptions): Promise<Drive> {
  // Many requests wait on the one signal at once; Node would take that for a leak.
  setMaxListeners(0, signal);
  const rows = await openDatabaseOf(config, signal);
  try {
    if (!bypassApi) await refuseForeignDatabase(config);
    const caller = await openCaller(config, signal);
    const { db } = rows;
    const { noSnapshotGbQuota } = config.settings.service;
    return {
      db,
      owner,
      requests: new VolumeRequests({ db, rpc: caller.rpc, owner, noSnapshotGbQuota, signal }),
      watch: new RowWatch(db, signal),
      target: (backend) => targetOf(config, db, backend),
      volumeType: (name = config.settings.service.defaultVolumeType) => typeNamed(db, name),
      sizeOf: (from) => sizeOf(db, from),
      volumes: () => everyRow(pageLength, (page) => db.volumes.list(page)),
      snapshots: () => everyRow(pageLength, (page) => db.snapshots.list(page)),
      close: async () => {
        await caller.close();
        await rows.close();
      },
    };
  } catch (error) {
    await rows.close();
    throw error;
  }
}

async function targetOf(config: Config, db: Database, backend: string | undefined): Promise<Target> {
  const poolOf = (name: string): string => {
    const known = config.backends.includes(name) ? config.backend(name).volumeBackendName : null;
    return known ?? 'Generic_NFS';
  };
  const services = await db.services.list({ binary: 'cinder-volume' });
  return chooseTarget({ services, downAfterMs: config.settings.service.serviceDownTimeMs, backend, poolOf });
}

async function typeNamed(db: Database, name: string): Promise<VolumeType> {
  const type = await db.volumeTypes.byName(name);
  if (type === null) throw new InvalidInputError('volume type', `"${name}" does not exist`);
  return type;
}

async function sizeOf(db: Database, from: NewVolume['from']): Promise<number> {
  if (from === undefined) return 1;
  if ('volumeId' in from) return (await db.volumes.get(from.volumeId))?.size ?? 1;
  return (await db.snapshots.get(from.snapshotId))?.volume_size ?? 1;
}

const pageLength = 500;
