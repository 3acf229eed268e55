import type { Snapshot, Volume } from '../domain/rows.ts';

/*
 * What a resource that goes gives back to its project, and one that is taken in takes: upstream's resource names, the totals and those of its type
 * (by the type's *name*, spec: rpc-methods.md §10). Creation is charged by API and scheduler; what is taken in is charged
 * here, when its size is known.
 */

type Deltas = Readonly<Record<string, number>>;

/** What is known of a volume beside its row: statements about who pays for it. */
export interface QuotaFacts {
  readonly adminMetadata: Readonly<Record<string, string | null>>;
}

/**
 * Whether the volume counts against its project: not temporary ones (of backups, of migrations), which older services
 * marked in other ways than by `use_quota`.
 */
export function paysQuota(volume: Volume, facts: QuotaFacts): boolean {
  const isMigrating = ![null, 'error', 'success'].includes(volume.migration_status);
  return volume.use_quota && !isMigrating && facts.adminMetadata['temporary'] !== 'True';
}

/** A volume whose taking-in failed was charged what its size says: nothing, unless an operator cut it short. */
export function volumeRelease(volume: Volume, typeName: string | null): Deltas {
  const size = volume.size ?? 0;
  if (volume.status === 'error_managing_deleting') return size === 0 ? {} : gigabytes(-size, typeName);
  return withType({ volumes: -1, gigabytes: -size }, typeName);
}

/** `typeName`: of the snapshot's volume. `noSnapshotGbQuota`: the option of that name, by which only numbers count. */
export function snapshotRelease(snapshot: Snapshot, typeName: string | null, noSnapshotGbQuota: boolean): Deltas {
  if (!snapshot.use_quota) return {};
  const size = noSnapshotGbQuota ? {} : { gigabytes: -(snapshot.volume_size ?? 0) };
  return withType({ snapshots: -1, ...size }, typeName);
}

/** What a volume or snapshot takes more by growing, or being found larger, by so many GiB. */
export function gigabytes(sizeGb: number, typeName: string | null): Deltas {
  return withType({ gigabytes: sizeGb }, typeName);
}

function withType(deltas: Deltas, typeName: string | null): Deltas {
  if (typeName === null) return deltas;
  const ofType = Object.entries(deltas).map(([resource, delta]) => [`${resource}_${typeName}`, delta] as const);
  return { ...deltas, ...Object.fromEntries(ofType) };
}
