import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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
export function build(): Promise<Build> {
  const dist = process.env['TEST_DIST'];
  if (dist !== undefined) return Promise.resolve({ dist, remove: () => Promise.resolve() });
  return compile('build', ['--for-tests'], {});
}

/** What a release to come may be: another version, with one more migration. */
export const nextVersion = '999.0.0';
export const buildNextRelease = (): Promise<Build> => compile('next', ['--next'], { version: nextVersion });

async function compile(name: string, flags: readonly string[], told: { readonly version?: string }): Promise<Build> {
  const folder = join(root, '.cache', `${name}-${process.pid}`);
  const dist = join(folder, 'dist');
  // The program reads its version beside `dist/`, as in the package.
  await mkdir(folder, { recursive: true });
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as object;
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, ...told }));
  const argv = [join(root, 'tools/build.mjs'), ...flags, '--out', dist];
  await promisify(execFile)(process.execPath, argv, { cwd: root });
  return { dist, remove: () => rm(folder, { recursive: true, force: true }) };
}
