import type { Drive } from '../cli/drive/open-drive.ts';
import { backendOf } from '../domain/host.ts';
import type { DevCluster } from './dev-cluster.ts';
import { readShare } from './share-content.ts';
import type { Evidence } from './verify.ts';

const mostEntries = 1_000;

/** Reads all rows, then all files. What changes in between shows as a difference: ask again. */
export async function gatherEvidence(drive: Drive, cluster: DevCluster): Promise<Evidence> {
  const { db } = drive;
  const { service } = cluster.config.settings;
  const backends = await workOf(drive);
  const [volumes, snapshots, unfinished, usage] = [
    await drive.volumes(),
    await drive.snapshots(),
    await db.journal.unfinished(backends, mostEntries),
    await db.quotas.usage(drive.owner.projectId),
  ];
  const services = await db.services.list();
  const workers = (await Promise.all(services.map(({ id }) => db.workers.ofService(id)))).flat();
  const location = volumes.find(({ provider_location }) => provider_location !== null)?.provider_location;
  return {
    volumes,
    snapshots,
    shares: [await readShare(location ?? cluster.paths.share, cluster.paths.share)],
    volumeName: (id) => service.volumeNameTemplate.replace('%s', () => id),
    unfinished,
    workers,
    quota: Object.fromEntries(Object.entries(usage).map(([name, { inUse }]) => [name, inUse])),
    snapshotsUseGigabytes: !service.noSnapshotGbQuota,
  };
}

/** `cluster@backend` of every service, or `host@backend`: the journal's `backend`. */
async function workOf({ db }: Drive): Promise<readonly string[]> {
  const services = await db.services.list({ binary: 'cinder-volume' });
  return [...new Set(services.map(({ cluster_name, host }) => backendOf(cluster_name ?? host)))];
}
