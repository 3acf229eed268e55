import { CinderError } from '../../domain/exceptions.ts';
import type { RemoteFsParts } from './parts.ts';
import { imageOf, infoOf, type Image, type VolumeChain } from './volume-chain.ts';
import type { VolumeFolder } from './volume-folder.ts';

/**
 * Upstream removes a snapshot's file S right after the merge, before it tells the image above or `.info`. A service
 * that died there left a chain that ends at S. S was removed only because all its data is in its backing file, so that
 * file takes its place: the one image of the lower part that no other one stands on.
 *
 * @returns the chain as it then is; unchanged where it was whole
 * @throws CinderError where another file is missing, or more than one image could be meant
 */
export async function repairChain(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  chain: VolumeChain,
  snapshotId: string,
): Promise<VolumeChain> {
  if (chain.missing === null) return chain;
  const info = infoOf(chain);
  if (chain.missing !== info.snapshots.get(snapshotId)) throw refuse(`${chain.missing} is missing`);
  const successor = topOfLowerPart(folder, chain);
  folder.work.log.warn(
    { volume_id: folder.volume.id, snapshot_id: snapshotId },
    `${chain.missing} was merged and removed by an interrupted deletion; ${successor.name} takes its place`,
  );
  const lowest = chain.images.at(-1);
  if (lowest === undefined) {
    await folder.writeInfo({ ...info, active: successor.name }, successor.facts);
  } else {
    const overlay = await folder.open([lowest]);
    await folder.work.commitPoint('snapshot-rebase');
    await folder.whileBusy(() => parts.qemu.renameBacking(overlay, successor, folder.work));
  }
  return folder.lookIdle(Object.keys(chain.seen));
}

/** Only files that count are asked: the base and what `.info` names. Others are left over from failed attempts. */
function topOfLowerPart({ base, volume }: VolumeFolder, chain: VolumeChain): Image {
  const upper = new Set(chain.images.map(({ name }) => name));
  const named = new Set([base, ...infoOf(chain).snapshots.values()]);
  const lower = [...named].flatMap((name) => {
    const facts = chain.seen[name];
    return facts === null || facts === undefined || upper.has(name) ? [] : [imageOf(facts, base, volume, null)];
  });
  const [top, ...others] = lower.filter(({ name }) => !lower.some(({ backing }) => backing === name));
  if (top === undefined || others.length > 0) throw refuse('what stood below it is not clear');
  return top;
}

function refuse(why: string): CinderError {
  const message = `Refused: the snapshot chain is broken: ${why}.`;
  return new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
}
