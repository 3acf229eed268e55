import { CommandError } from '../exec.ts';
import type { RemoteFsParts } from './parts.ts';
import type { Image } from './volume-chain.ts';
import type { VolumeFolder } from './volume-folder.ts';

/**
 * A qemu-img command that was ended midway may have reserved clusters in a qcow2 image into which it then put nothing:
 * lost room, no damage. Who carries on what another owner may have begun gives them back first.
 *
 * @param images the one that may have such clusters, and those below it
 */
export async function freeLeaks(
  parts: RemoteFsParts,
  folder: VolumeFolder,
  images: readonly [Image, ...Image[]],
): Promise<void> {
  const { work, volume } = folder;
  const [{ name, format }] = images;
  if (work.isContinued !== true || format !== 'qcow2') return;
  const open = await folder.open(images);
  await work.commitPoint('image-leaks');
  try {
    await folder.whileBusy(() => parts.qemu.freeLeaks(open, work));
  } catch (err) {
    if (!(err instanceof CommandError) || err.outcome !== 'failed') throw err;
    // Nothing depends on it, and what is wrong with the image shows in the step that is to come, or does not matter to it.
    work.log.warn({ volume_id: volume.id, err }, `clusters of ${name} that nothing uses stay reserved`);
  }
}
