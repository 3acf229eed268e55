import { volumeNameId } from '../../domain/rows.ts';
import type { Arrival, DriverWork, MigrationAbility } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';
import { wholeChain } from './volume-chain.ts';
import { openFolder, type VolumeFolder } from './volume-folder.ts';
import { volumeFile } from './volume-names.ts';

/**
 * The file gets the volume's own name where upstream's driver would rename it too, and nothing there has that name
 * (upstream's `rename` would replace it). Both names may stand for a moment; a successor goes on from there.
 */
export async function arrive(
  parts: RemoteFsParts,
  { volume, target, rename }: Arrival,
  work: DriverWork,
): ReturnType<MigrationAbility['arrive']> {
  const folder = await openFolder(parts, target, work);
  const own = volumeFile({ id: volume.id, _name_id: null });
  const chain = await folder.lookIdle([own]);
  const renamed = chain.seen[own] ?? null;
  if (rename && chain.missing === folder.base && chain.info === null && renamed !== null) {
    // A predecessor did it. What the target's row notes of the format holds, unless the file cannot be that.
    return { nameId: volume.id, update: renamed.header === null ? { adminMetadata: { format: 'raw' } } : {} };
  }
  const [top] = wholeChain(chain);
  const update = { adminMetadata: { format: top.format } };
  const isRenamed = rename && top.name === folder.base && chain.info === null && (await move(parts, folder, own));
  return { nameId: isRenamed ? volume.id : volumeNameId(target), update };
}

async function move(parts: RemoteFsParts, folder: VolumeFolder, to: string): Promise<boolean> {
  const { dir, base: from, work } = folder;
  await work.commitPoint('volume-rename');
  const { state } = await parts.share.call('move', { dir, from, to }, work);
  if (state === 'taken') work.log.warn({ file: folder.path(to) }, `is there already: the volume stays ${from}`);
  return state === 'moved';
}
