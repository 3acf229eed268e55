import { Type } from '@sinclair/typebox';
import { CinderError } from '../../domain/exceptions.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { OperationPorts } from '../operation.ts';
import { assertLiesOn, homeOf } from '../ownership.ts';
import { isUnknownOutcome } from '../unknown-outcome.ts';

/** What a host says of itself; its keys are os-brick's. */
export const Connector = Type.Unsafe<JsonObject>(Type.Record(Type.String(), Type.Unknown()));

/** Upstream's `require_driver_initialized`. */
export function requireReady({ backend }: OperationPorts): void {
  if (!backend.ready()) throw new CinderError('DriverNotInitialized', {}, { outcome: 'not-started' });
}

/** The volume, if it is there and here. */
export async function volumeHere(volume_id: string, { db, backend }: OperationPorts): Promise<Volume> {
  const volume = await db.volumes.get(volume_id);
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id });
  assertLiesOn(backend, volume);
  return volume;
}

export async function snapshotHere(snapshot_id: string, ports: OperationPorts): Promise<Snapshot> {
  const snapshot = await ports.db.snapshots.get(snapshot_id);
  if (snapshot === null) throw new CinderError('SnapshotNotFound', { snapshot_id });
  homeOf(snapshot, await ports.db.volumes.get(snapshot.volume_id), ports);
  return snapshot;
}

/** Runs a driver's part of a call; what fails for certain is told in upstream's words for this part. */
export async function byDriver<T>(what: (error: string) => CinderError, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (isUnknownOutcome(thrown)) throw thrown;
    throw what(messageOf(thrown));
  }
}

export function backendError(data: string): CinderError {
  return new CinderError('VolumeBackendAPIException', { data }, { outcome: 'failed' });
}
