import { join } from 'node:path';
import type { DriverWork, Mending } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';
import { removeUnfinished } from './remove-unfinished.ts';
import { infoFile, volumeFile } from './volume-names.ts';

/**
 * Files that are called after a volume that no row has. Unfinished ones go; an `.info` goes where no file is left that
 * it could speak of. A volume's own files stay: it may have been let go of, to be taken in again.
 */
export async function clearStray(
  parts: RemoteFsParts,
  location: string,
  nameId: string,
  work: DriverWork,
): Promise<readonly Mending[]> {
  const dir = await parts.folders.ready(location, work);
  const base = volumeFile({ id: nameId, _name_id: null });
  const found = await removeUnfinished(parts, { dir, base }, work);
  const names = await parts.share.call('files', { dir, fresh: parts.mounts.remote }, work);
  const own = names.filter((name) => name === base || name.startsWith(`${base}.`));
  if (!own.includes(infoFile(base))) return found;
  const file = join(dir, infoFile(base));
  if (own.length > 1) {
    return [...found, { file, done: false, what: 'is left where it is: it may speak of the files beside it' }];
  }
  await work.commitPoint('orphan-info');
  await parts.share.call('unlink', { dir, names: [infoFile(base)] }, work);
  return [...found, { file, done: true, what: 'spoke of a volume that is gone with all its files: removed' }];
}
