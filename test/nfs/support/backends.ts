import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderBackend } from '../../integration/drivers/folder-backend.ts';
import type { Client, Rig } from './rig.ts';

/** Replicas with common rows, on a folder of their own on the share: each has its share helper in a guest. */
export async function backendsIn(
  rig: Rig,
  folder: string,
  [first, ...others]: readonly Client[],
): Promise<readonly FolderBackend[]> {
  if (first === undefined) throw new Error('no client');
  const dir = join(rig.share, folder);
  await mkdir(dir);
  const backend = await FolderBackend.remote(dir, first.helperEntry);
  const peers = [];
  for (const { helperEntry } of others) peers.push(await backend.peer(helperEntry));
  return [backend, ...peers];
}

export const stopAll = (backends: readonly FolderBackend[]) =>
  Promise.all(backends.map(({ driver }) => driver.stop({ force: AbortSignal.abort() })));
