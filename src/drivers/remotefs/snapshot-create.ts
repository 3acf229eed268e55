import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, SnapshotUpdate } from '../volume-driver.ts';
import { withSnapshot } from './info-file.ts';
import { createOnline } from './online-create.ts';
import type { RemoteFsParts } from './parts.ts';
import { requireKnownSnapshots, requireStatus } from './preconditions.ts';
import { makeOverlay } from './overlay.ts';
import { infoOf, wholeChain } from './volume-chain.ts';
import { openFolder } from './volume-folder.ts';
import { snapshotFile } from './volume-names.ts';

const creatable = ['available', 'in-use', 'backing-up'] as const;

/**
 * An empty overlay on the active image becomes the active one; that of an attached volume by Nova's hand
 * (online-create.ts).
 *
 * Dies it before the overlay has its name, the temporary file is removed by the next owner; dies it before `.info` has
 * been replaced, nothing names the overlay, and the next try puts a new one in its place.
 */
export async function createSnapshot(
  parts: RemoteFsParts,
  snapshot: Snapshot,
  volume: Volume,
  work: DriverWork,
): Promise<SnapshotUpdate> {
  const temporary = snapshot.display_name?.startsWith('tmp-snap-') === true;
  requireStatus(volume, temporary ? [...creatable, 'downloading'] : creatable);
  if (volume.attach_status === 'attached') return createOnline(parts, snapshot, volume, work);
  const folder = await openFolder(parts, volume, work);
  const overlay = snapshotFile(folder.base, snapshot.id);
  const chain = await folder.lookIdle([overlay]);
  const [top, ...below] = wholeChain(chain);
  if (infoOf(chain).snapshots.get(snapshot.id) !== overlay) {
    await requireKnownSnapshots(chain, volume, work, snapshot.id);
    await folder.withTemps(() => makeOverlay(parts, folder, chain, overlay, top));
    await folder.writeInfo(withSnapshot(infoOf(chain), snapshot.id, overlay), top.facts);
  }
  const bottom = below.at(-1) ?? top;
  return { adminMetadata: { base_format: bottom.format, format: 'qcow2' } };
}
