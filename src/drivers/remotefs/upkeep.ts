import type { Volume } from '../../domain/rows.ts';
import type { DriverWork, Mending, UpkeepAbility } from '../volume-driver.ts';
import { mendInfo } from './mend-info.ts';
import type { RemoteFsParts } from './parts.ts';
import { clearStray } from './clear-stray.ts';
import { removeEmptyOverlays } from './empty-overlays.ts';
import { removeUnfinished } from './remove-unfinished.ts';
import { openFolder } from './volume-folder.ts';

/**
 * What `fsck --repair` does to one volume's files, under the volume's locks. Three things and no more, each one atomic
 * step after a look of its own, so that whoever is interrupted has done the steps before or not, and the next run finds
 * the rest:
 *
 * 1. unfinished files go: with the locks ours, nobody can finish them;
 * 2. `.info` is written as the chain has it, where that can be told for certain (derived-info.ts);
 * 3. overlays that nothing refers to go if they hold nothing of their own (empty-overlays.ts).
 *
 * The chain of a volume that is attached, or not at rest, is left alone: its guest, Nova or its request changes it.
 */
export function upkeepAbility(parts: RemoteFsParts): UpkeepAbility {
  return {
    mend: (volume, work) => mend(parts, volume, work),
    clear: ({ provider_location, nameId }, work) => clearStray(parts, provider_location, nameId, work),
  };
}

async function mend(parts: RemoteFsParts, volume: Volume, work: DriverWork): Promise<readonly Mending[]> {
  const folder = await openFolder(parts, volume, work);
  const done = await removeUnfinished(parts, folder, work);
  const info = await mendInfo(folder);
  if (info !== null && !info.done) return [...done, info];
  return [...done, ...(info === null ? [] : [info]), ...(await removeEmptyOverlays(parts, folder))];
}
