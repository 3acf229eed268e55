import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '../kernel/errors.ts';

/** Linux's limit for a socket's path is 107 bytes; ours is `hub.sock` in the folder. */
const longestPath = 98;

/**
 * The folder of a development cluster, without symbolic links in its path: the driver refuses a share behind one.
 * `release` removes it if it was made for this run.
 */
export async function useStateDir(
  given: string | undefined,
  keep: boolean,
): Promise<{ readonly dir: string; release(): Promise<void> }> {
  if (given === undefined) {
    const dir = await mkdtemp(join(await realpath(tmpdir()), 'cinder-volume-aa-'));
    return { dir: checked(dir), release: async () => (keep ? undefined : rm(dir, { recursive: true, force: true })) };
  }
  await mkdir(given, { recursive: true, mode: 0o700 });
  const dir = checked(await realpath(given));
  return { dir, release: () => Promise.resolve() };
}

function checked(dir: string): string {
  if (Buffer.byteLength(dir) <= longestPath) return dir;
  throw new InvalidInputError('--state-dir', `is longer than ${longestPath} bytes; a socket in it could not be opened`);
}
