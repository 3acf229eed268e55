import type { DriverWork, Mending } from '../volume-driver.ts';
import { tempPath } from '../share/share-paths.ts';
import type { RemoteFsParts } from './parts.ts';

/** Removes what older owners left unfinished of the volume whose files are called after `base`. */
export async function removeUnfinished(
  { share }: RemoteFsParts,
  { dir, base }: { readonly dir: string; readonly base: string },
  work: DriverWork,
): Promise<readonly Mending[]> {
  await work.commitPoint('unfinished-files');
  const names = await share.call('removeTemps', { dir, base, tag: work.ownerTag, own: false }, work);
  return names.map((name) => ({ file: tempPath(dir, name), done: true, what: 'was left unfinished: removed' }));
}
