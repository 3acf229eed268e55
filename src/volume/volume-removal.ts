import type { Repositories } from '../db/database.ts';
import type { Volume } from '../domain/rows.ts';
import { assertMove } from '../domain/status.ts';
import { volumeRelease } from './quota-deltas.ts';

/*
 * How a volume ends in its row, once nothing of it is left on the backend: for delete_volume, and for a group's members.
 */

export interface RemovedVolume {
  readonly volume: Volume;
  /** The status that the request stands for. */
  readonly asked: string;
  readonly pays: boolean;
  /** Its type, by name. */
  readonly typeName: string | null;
}

/**
 * Inside a transaction of its caller. Whatever the row's status is by now: nothing of the volume is left. A row that is
 * gone already gives nothing back a second time.
 */
export async function releaseVolume(db: Repositories, removed: RemovedVolume): Promise<void> {
  const { volume, asked, pays, typeName } = removed;
  assertMove('Volume', asked, 'deleted');
  if ((await db.volumes.destroy(volume.id)) === 0) return;
  const deltas = pays ? volumeRelease(volume, typeName) : {};
  if (volume.project_id !== null && Object.keys(deltas).length > 0) await db.quotas.adjust(volume.project_id, deltas);
}
