import { CinderError } from '../../domain/exceptions.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork } from '../volume-driver.ts';
import type { VolumeChain } from './volume-chain.ts';
import { infoFile } from './volume-names.ts';

/** @throws CinderError InvalidVolume unless the volume's status is one of these */
export function requireStatus(volume: Volume, statuses: readonly string[]): void {
  if (volume.status !== null && statuses.includes(volume.status)) return;
  const reason = `volume ${volume.id} is ${volume.status}; it must be ${statuses.join(', ')}`;
  throw new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
}

/** The chain of an attached volume is a running server's; Nova would have to change it. */
export function requireDetached(volume: Volume, what: string): void {
  if (volume.attach_status !== 'attached') return;
  const message = `Refused: ${what} while volume ${volume.id} is attached needs Nova, which is not supported yet.`;
  throw new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}

/** A new content of the base would change what every snapshot shows. */
export function requireSingleFile({ base, active, info, images }: VolumeChain): void {
  const snapshots = info?.snapshots.size ?? 0;
  if (snapshots === 0 && active === base && images.length <= 1) return;
  const message = `Refused: the volume has snapshots or overlays (${active}); delete its snapshots first.`;
  throw new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}

/** Rows in these states may well have nothing on the share. */
const mayBeUnmade = new Set(['creating', 'deleting', 'error', 'error_deleting', 'deleted']);

/** Whether the snapshot must be on the share. */
export function isMade({ status }: Pick<Snapshot, 'status'>): boolean {
  return !mayBeUnmade.has(status ?? '');
}

/**
 * A missing `.info` means "no snapshots" only if the database agrees; otherwise it was lost, or this machine does not
 * see the share as it is, and a change of the chain would bury the snapshots' data.
 */
export async function requireKnownSnapshots(
  chain: VolumeChain,
  volume: Volume,
  work: DriverWork,
  except?: string,
): Promise<void> {
  if (chain.info !== null) return;
  const rows = await work.snapshotsOf(volume.id);
  const made = rows.filter((row) => row.id !== except && isMade(row));
  if (made.length === 0) return;
  const message = `Refused: ${infoFile(chain.base)} is missing, but the volume has ${made.length} snapshots.`;
  throw new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}
