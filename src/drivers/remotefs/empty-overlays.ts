import { CinderError } from '../../domain/exceptions.ts';
import type { Mending } from '../volume-driver.ts';
import { infoOf, wholeChain, type VolumeChain } from './volume-chain.ts';
import type { RemoteFsParts } from './parts.ts';
import type { VolumeFolder } from './volume-folder.ts';
import { backingName } from './volume-names.ts';

/**
 * Overlays beside the chain: made, or dropped, by somebody who ended there. One goes if `.info`, the chain, another file
 * and the database know nothing of it, *and* it holds nothing of its own, so that nobody can miss it.
 */
export async function removeEmptyOverlays(parts: RemoteFsParts, folder: VolumeFolder): Promise<readonly Mending[]> {
  const removed: Mending[] = [];
  for (;;) {
    const found = await oneRound(parts, folder);
    const gone = found.filter(({ done }) => done);
    removed.push(...gone);
    // One that stood on another kept that.
    if (gone.length === 0) return [...removed, ...found];
  }
}

async function oneRound(parts: RemoteFsParts, folder: VolumeFolder): Promise<readonly Mending[]> {
  const overlays = await folder.overlays();
  if (overlays.length === 0) return [];
  const chain = await wholeOrWhy(folder, overlays);
  if (typeof chain === 'string') return [left(folder, folder.base, `its chain has to be put right first: ${chain}`)];
  const found: Mending[] = [];
  for (const name of await unreferenced(folder, chain, overlays)) {
    const atWork = folder.notAtRest(Object.values(chain.seen));
    if (atWork !== null) found.push(left(folder, name, atWork));
    else if (folder.volume.encryption_key_id !== null)
      found.push(left(folder, name, 'it is encrypted, and may hold data'));
    else if (await parts.qemu.holdsData(folder.path(name), folder.work))
      found.push(left(folder, name, 'it holds data'));
    else {
      await folder.unlink('empty-overlay', [name]);
      found.push({ file: folder.path(name), done: true, what: 'held nothing, and nothing knew of it: removed' });
    }
  }
  return found;
}

async function wholeOrWhy(folder: VolumeFolder, overlays: readonly string[]): Promise<VolumeChain | string> {
  try {
    const chain = await folder.look(overlays, true);
    wholeChain(chain);
    return chain;
  } catch (error) {
    if (error instanceof CinderError) return error.message;
    throw error;
  }
}

function left(folder: VolumeFolder, name: string, why: string): Mending {
  return { file: folder.path(name), done: false, what: `is left where it is: ${why}` };
}

async function unreferenced(
  { base, volume, work }: VolumeFolder,
  chain: VolumeChain,
  overlays: readonly string[],
): Promise<readonly string[]> {
  const below = Object.values(chain.seen).flatMap(
    (facts) => backingName(facts?.header?.backingFile ?? '/', base) ?? [],
  );
  const used = new Set([...chain.images.map(({ name }) => name), ...infoOf(chain).snapshots.values(), ...below]);
  const beside = overlays.filter((name) => !used.has(name));
  if (beside.length === 0) return [];
  const idOf = (name: string): string => name.slice(base.length + 1);
  const ids = [...(await work.snapshotsOf(volume.id)), ...(await work.snapshotsWith(beside.map(idOf)))].map(
    ({ id }) => id,
  );
  return beside.filter((name) => !ids.includes(idOf(name)));
}
