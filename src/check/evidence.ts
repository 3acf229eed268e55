import type { Database } from '../db/database.ts';
import { workOf } from '../domain/host.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import { readShare } from './share-content.ts';
import type { Evidence } from './verify.ts';

const mostEntries = 1_000;

/** Where the evidence is read. */
export interface Scene {
  readonly db: Database;
  /** All rows that are not deleted. */
  volumes(): Promise<readonly Volume[]>;
  snapshots(): Promise<readonly Snapshot[]>;
  /** Every share on which they may lie: what `provider_location` says of it, and its folder here. */
  readonly shares: readonly { readonly location: string; readonly folder: string }[];
  readonly volumeNameTemplate: string;
  /** Whose quota usages are compared. */
  readonly projectId: string;
  readonly snapshotsUseGigabytes: boolean;
}

/** Reads all rows, then all files. What changes in between shows as a difference: ask again. */
export async function gatherEvidence(scene: Scene): Promise<Evidence> {
  const { db, projectId, volumeNameTemplate, snapshotsUseGigabytes } = scene;
  const services = await db.services.list();
  const [volumes, snapshots] = [await scene.volumes(), await scene.snapshots()];
  const usage = await db.quotas.usage(projectId);
  return {
    volumes,
    snapshots,
    unfinished: await db.journal.unfinished(workOf(services), mostEntries),
    workers: (await Promise.all(services.map(({ id }) => db.workers.ofService(id)))).flat(),
    quota: Object.fromEntries(Object.entries(usage).map(([name, { inUse }]) => [name, inUse])),
    volumeName: (id) => volumeNameTemplate.replace('%s', () => id),
    snapshotsUseGigabytes,
    shares: await Promise.all(scene.shares.map(({ location, folder }) => readShare(location, folder))),
  };
}
