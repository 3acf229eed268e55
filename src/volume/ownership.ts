import { poolOf, sameBackend } from '../domain/host.ts';
import type { Volume } from '../domain/rows.ts';
import type { Backend } from './operation.ts';

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

function isHere(name: string | null, own: string | null): boolean {
  return name !== null && own !== null && sameBackend(name, own);
}
