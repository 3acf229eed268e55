import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

export interface Build {
  /** Holds `src/main.js` and all else, as `dist/` does. */
  readonly dist: string;
  remove(): Promise<void>;
}

/**
 * The compiled program, for tests that start it as a process. `npm test` has built `dist/` and says so; a run of
 * single files compiles into a folder of its own, so that runs at the same time do not meet.
 */
export async function build(): Promise<Build> {
  if (process.env['TEST_DIST'] !== undefined)
    return { dist: process.env['TEST_DIST'], remove: () => Promise.resolve() };
  const folder = join(root, '.cache', `build-${process.pid}`);
  const dist = join(folder, 'dist');
  // The program reads its version beside `dist/`, as in the package.
  await mkdir(folder, { recursive: true });
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  const argv = [join(root, 'tools/build.mjs'), '--for-tests', '--out', dist];
  await promisify(execFile)(process.execPath, argv, { cwd: root });
  return { dist, remove: () => rm(folder, { recursive: true, force: true }) };
}
