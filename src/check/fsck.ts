import type { SnapshotRepository, VolumeRepository } from '../db/ports/resources.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import { backendOf } from '../domain/host.ts';
import { delay } from '../kernel/abort.ts';
import { everyRow } from '../kernel/pages.ts';
import { readShare } from './share-content.ts';
import { verify, type Difference } from './verify.ts';

/** One backend, of which replicas may be at work meanwhile. */
export interface FsckScene {
  readonly db: {
    readonly volumes: Pick<VolumeRepository, 'list'>;
    readonly snapshots: Pick<SnapshotRepository, 'list'>;
  };
  /** `host@backend` and, where it is in one, `cluster@backend`. */
  readonly names: readonly string[];
  readonly shares: readonly { readonly location: string; readonly folder: string }[];
  readonly volumeNameTemplate: string;
}

const pageSize = 1_000;

/**
 * Compares the rows of volumes and snapshots with `.info` files, chains and files. Nothing is changed. What is under way
 * looks like a difference for a moment, so only what two looks find, `againAfterMs` apart, counts.
 */
export async function fsck(
  scene: FsckScene,
  signal: AbortSignal,
  againAfterMs = 3_000,
): Promise<readonly Difference[]> {
  const first = await look(scene);
  if (first.length === 0) return first;
  await delay(againAfterMs, signal);
  const again = new Set((await look(scene)).map(keyOf));
  return first.filter((one) => again.has(keyOf(one)));
}

const keyOf = ({ kind, subject, problem }: Difference): string => `${kind} ${subject} ${problem}`;

/** Files first: a file that a request makes meanwhile has its row already when the rows are read. */
async function look({ db, names, shares, volumeNameTemplate }: FsckScene): Promise<readonly Difference[]> {
  const contents = await Promise.all(shares.map(({ location, folder }) => readShare(location, folder)));
  const locations = new Set(shares.map(({ location }) => location));
  // Also other services' volumes that lie on these shares: their files are nobody's left-overs.
  const concerns = ({ host, cluster_name, provider_location }: Volume): boolean =>
    locations.has(provider_location ?? '') || names.includes(backendOf(cluster_name ?? host ?? ''));
  const volumes = (await everyRow<Volume>(pageSize, (page) => db.volumes.list(page))).filter(concerns);
  const ids = new Set(volumes.map(({ id }) => id));
  const snapshots = (await everyRow<Snapshot>(pageSize, (page) => db.snapshots.list(page))).filter(({ volume_id }) =>
    ids.has(volume_id),
  );
  return verify({
    ...{ volumes, snapshots, shares: contents, live: true, unfinished: [], workers: [], quota: {} },
    volumeName: (id) => volumeNameTemplate.replace('%s', () => id),
    snapshotsUseGigabytes: false,
  });
}
