import { CinderError } from '../domain/exceptions.ts';
import { poolOf, sameBackend } from '../domain/host.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Backend, OperationPorts } from './operation.ts';

/** A volume or a group. */
type Placed = Pick<Volume, 'host' | 'cluster_name'>;

/**
 * Whether it lies on this backend: its host names it, or its cluster does. What has no host lies nowhere, and nobody
 * else will look after it.
 */
export function liesOn(backend: Pick<Backend, 'host' | 'cluster'>, placed: Placed): boolean {
  if (placed.host === null && placed.cluster_name === null) return true;
  return isHere(placed.host, backend.host) || isHere(placed.cluster_name, backend.cluster);
}

/** Its host as this replica writes it: another member of the cluster may have been the scheduler's choice. */
export function ownHost(backend: Backend, { host }: Placed): string {
  if (host !== null && sameBackend(host, backend.host)) return host;
  return `${backend.host}#${(host === null ? undefined : poolOf(host)) ?? backend.pool}`;
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
