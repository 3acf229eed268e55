import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidInputError } from '../kernel/errors.ts';

/** Linux's limit for a socket's path is 107 bytes; ours is `hub.sock` in the folder. */
const longestPath = 98;

/** The folder of a development cluster; `release` removes it if it was made for this run. */
export async function useStateDir(
  given: string | undefined,
  keep: boolean,
): Promise<{ readonly dir: string; release(): Promise<void> }> {
  if (given === undefined) {
    const dir = await mkdtemp(join(tmpdir(), 'cinder-volume-aa-'));
    return { dir: checked(dir), release: async () => (keep ? undefined : rm(dir, { recursive: true, force: true })) };
  }
  const dir = checked(resolve(given));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return { dir, release: () => Promise.resolve() };
}

function checked(dir: string): string {
  if (Buffer.byteLength(dir) <= longestPath) return dir;
  throw new InvalidInputError('--state-dir', `is longer than ${longestPath} bytes; a socket in it could not be opened`);
}
