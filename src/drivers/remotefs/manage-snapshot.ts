import { CinderError } from '../../domain/exceptions.ts';
import type { Json } from '../../domain/json.ts';
import type { Snapshot, Volume } from '../../domain/rows.ts';
import type { DriverWork, ManageSnapshotAbility } from '../volume-driver.ts';
import { withOtherId, type SnapshotInfo } from './info-file.ts';
import { listSnapshots } from './list-snapshots.ts';
import { invalidReference, parseSnapshotReference, sameShare } from './manage-reference.ts';
import type { RemoteFsParts } from './parts.ts';
import { gib } from './settings.ts';
import { wholeChain, type Image, type VolumeChain } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';

/** Snapshots that were let go of stay in their volume's chain and in its `.info`, under the id that they had. */
export function manageSnapshotAbility(parts: RemoteFsParts): ManageSnapshotAbility {
  return {
    find: async (snapshot, volume, reference, work) => {
      const { below } = await findSnapshot(parts, { snapshot, volume, reference }, work);
      return { sizeGb: Math.ceil(below.virtualBytes / gib) };
    },
    take: async (snapshot, volume, reference, work) => {
      const { folder, info, id, top } = await findSnapshot(parts, { snapshot, volume, reference }, work);
      // One step: `.info` says the new id in place of the old one. The overlay keeps its name, which others refer to.
      if (id !== snapshot.id) await folder.writeInfo(withOtherId(info, id, snapshot.id), top.facts);
      return {};
    },
    list: (survey) => listSnapshots(parts, survey),
  };
}

interface Wanted {
  readonly snapshot: Snapshot;
  readonly volume: Volume;
  readonly reference: Json;
}

interface FoundSnapshot {
  readonly folder: VolumeFolder;
  readonly info: SnapshotInfo;
  /** In `.info`; the snapshot's own where it was taken already. */
  readonly id: string;
  readonly top: Image;
  /** Holds its data. */
  readonly below: Image;
}

async function findSnapshot(parts: RemoteFsParts, wanted: Wanted, work: DriverWork): Promise<FoundSnapshot> {
  const { snapshot, volume, reference } = wanted;
  const folder = await openFolder(parts, volume, work);
  const chain = await folder.look();
  const { info } = chain;
  if (info === null) throw invalidReference(reference, `volume ${volume.id} has no snapshots on its share`);
  const id = info.snapshots.has(snapshot.id) ? snapshot.id : await freeId(wanted, info, work);
  const [top] = wholeChain(chain);
  return { folder, info, id, top, below: dataOf(chain, info.snapshots.get(id) ?? '', reference) };
}

/** The id in `.info` that the reference means, and that no row has. */
async function freeId({ volume, reference }: Wanted, { snapshots }: SnapshotInfo, work: DriverWork): Promise<string> {
  const { location, file, id } = parseSnapshotReference(reference);
  if (location !== null && !sameShare(location, volume.provider_location ?? '')) {
    throw invalidReference(reference, `volume ${volume.id} is on ${String(volume.provider_location)}`);
  }
  const byFile = [...snapshots].find(([, overlay]) => overlay === file)?.[0];
  const found = byFile ?? (id !== null && snapshots.has(id) ? id : undefined);
  if (found === undefined) throw invalidReference(reference, `volume ${volume.id} has no such snapshot`);
  const rows = await work.snapshotsWith([found]);
  if (rows.length === 0) return found;
  const message = `Snapshot ${found} is already managed.`;
  const volume_ref = snapshots.get(found) ?? found;
  throw new CinderError('ManageExistingAlreadyManaged', { volume_ref }, { message, outcome: 'not-started' });
}

function dataOf({ images }: VolumeChain, overlay: string, reference: Json): Image {
  const at = images.findIndex(({ name }) => name === overlay);
  const below = at === -1 ? undefined : images[at + 1];
  if (below === undefined) throw invalidReference(reference, `${overlay} has no data in its volume's chain`);
  return below;
}
