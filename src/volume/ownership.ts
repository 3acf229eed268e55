import { CinderError } from '../domain/exceptions.ts';
import { sameBackend } from '../domain/host.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Backend, OperationPorts } from './operation.ts';

/*
 * In a cluster a row's `host` says which backend, never which member: it stays what the scheduler wrote, which goes by
 * the first member that it has seen. Python's members write their own into what they create, though not into what they
 * take in (manage_existing): where each member says another, the `host` that a volume had does not come back with it.
 */

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

/** Why nothing is done here to a volume of another backend: a driver would find nothing and call it done. */
export function liesElsewhere({ id }: Volume, { workOf }: Pick<Backend, 'workOf'>): CinderError {
  return new CinderError('Invalid', {}, { message: `Volume ${id} does not lie on ${workOf}.` });
}

export function assertLiesOn(backend: Backend, volume: Volume): void {
  if (!liesOn(backend, volume)) throw liesElsewhere(volume, backend);
}

/** The snapshot's volume, if it is there and here. */
export function homeOf(snapshot: Snapshot, volume: Volume | null, { backend }: OperationPorts): Volume {
  if (volume === null) throw new CinderError('VolumeNotFound', { volume_id: snapshot.volume_id });
  if (liesOn(backend, volume)) return volume;
  throw new CinderError('Invalid', {}, { message: `Snapshot ${snapshot.id} does not lie on ${backend.workOf}.` });
}

function isHere(name: string | null, own: string | null): boolean {
  return name !== null && own !== null && sameBackend(name, own);
}
