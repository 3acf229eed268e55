import { CinderError } from '../domain/exceptions.ts';
import { poolOf, sameBackend } from '../domain/host.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Backend, OperationPorts } from './operation.ts';

/**
 * Whether the volume lies on this backend: its host names it, or its cluster does. A volume without a host lies
 * nowhere, and nobody else will look after it.
 */
export function liesOn(backend: Backend, volume: Volume): boolean {
  if (volume.host === null && volume.cluster_name === null) return true;
  return isHere(volume.host, backend.host) || isHere(volume.cluster_name, backend.cluster);
}

/** The volume's host as this replica writes it: another member of the cluster may have been the scheduler's choice. */
export function ownHost(backend: Backend, volume: Volume): string {
  if (volume.host !== null && sameBackend(volume.host, backend.host)) return volume.host;
  return `${backend.host}#${(volume.host === null ? undefined : poolOf(volume.host)) ?? backend.pool}`;
}

/** The snapshot's volume, if it is there and here: on another backend a driver would find nothing and call it done. */
export function homeOf(snapshot: Snapshot, volume: Volume | null, { backend }: OperationPorts): Volume {
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id: snapshot.volume_id });
  if (liesOn(backend, volume)) return volume;
  throw new CinderError('Invalid', {}, { message: `Snapshot ${snapshot.id} does not lie on ${backend.workOf}.` });
}

function isHere(name: string | null, own: string | null): boolean {
  return name !== null && own !== null && sameBackend(name, own);
}
