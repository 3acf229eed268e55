import type { Repositories } from '../db/database.ts';
import type { CinderError } from '../domain/exceptions.ts';
import type { Volume } from '../domain/rows.ts';
import type { VolumeModelUpdate } from '../drivers/volume-driver.ts';
import { volumeEvents } from './notifications.ts';
import type { NothingToDo, OperationPorts, Scope, Settlement } from './operation.ts';
import type { RowLooks } from './row-looks.ts';
import { mergeAdminMetadata, moveVolume } from './row-moves.ts';
import { failureMessage } from './user-messages.ts';

/*
 * How an extension begins and ends in the volume's row and its project's quota.
 */

/** The volume to be extended; what is not (any more) is left alone: somebody has answered the request. */
export async function loadExtending(id: string, rows: RowLooks): Promise<Volume | NothingToDo> {
  const volume = await rows.volume(id);
  if (volume === null) return { nothingToDo: 'the volume is gone' };
  return volume.status === 'extending' ? volume : { nothingToDo: `the volume is ${String(volume.status)}` };
}

export interface Growth {
  readonly volume: Volume;
  /** GiB. */
  readonly sizeGb: number;
  /** What the API put by of the quota for it. */
  readonly reservations: readonly string[];
  /** Another request began it, and has told so: only its end is told. */
  readonly isBegun: boolean;
}

/** The new size, its quota charged. */
export async function settleGrown(
  { volume, sizeGb, reservations, isBegun }: Growth,
  update: VolumeModelUpdate,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  const attachments = await ports.db.attachments.ofVolume(volume.id);
  const status = attachments.length > 0 ? 'in-use' : 'available';
  return {
    outcome: 'done',
    detail: null,
    apply: async (db) => {
      await moveVolume(db, volume, status, { size: sizeGb });
      await mergeAdminMetadata(db, volume.id, update);
      await db.quotas.commit(reservations);
    },
    outbox: await volumeEvents(ports, context, ports.backend.host, [
      ...(isBegun ? [] : [{ suffix: 'resize.start', volume }]),
      { suffix: 'resize.end', volume: { ...volume, size: sizeGb, status } },
    ]),
    after: () => {
      ports.backend.capabilitiesChanged();
    },
  };
}

/** The old size, and what was put by of the quota given back. */
export async function settleNotGrown(
  { volume, reservations, isBegun }: Growth,
  error: CinderError,
  { context }: Scope,
  ports: OperationPorts,
): Promise<Settlement> {
  return {
    outcome: 'refused',
    detail: error.message,
    apply: async (db: Repositories) => {
      await moveVolume(db, volume, 'error_extending');
      await db.messages.create(
        failureMessage('extendVolume', volume, context, error),
        ports.settings.messageTtlSeconds,
      );
      await db.quotas.rollback(reservations);
    },
    outbox: await volumeEvents(ports, context, ports.backend.host, isBegun ? [] : [{ suffix: 'resize.start', volume }]),
  };
}
