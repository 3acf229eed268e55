import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new private folder (mode 0700). The caller removes it, or uses `withTempDir`. */
export function makeTempDir(prefix = 'cinder-volume-aa-'): Promise<string> {
  return mkdtemp(join(tmpdir(), prefix));
}

export function removeDir(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** Runs `work` in a new folder that is gone afterwards. */
export async function withTempDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await makeTempDir();
  try {
    return await work(dir);
  } finally {
    await removeDir(dir);
  }
}
