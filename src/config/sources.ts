import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isErrno, messageOf } from '../kernel/errors.ts';
import type { Fault } from './fault.ts';

/** A `--config-file` or `--config-dir` of the command line; their order counts. */
export interface GivenSource {
  readonly kind: 'file' | 'dir';
  readonly path: string;
}

/** A file's name and content. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

export interface ReadSources {
  /** In the order in which they count: later wins. Empty: nothing was given and nothing found. */
  readonly texts: readonly ConfigText[];
  readonly faults: readonly Fault[];
}

/** The folders in which oslo.config looks when nothing is given, first found wins. */
export function defaultFolders(home: string = homedir()): readonly string[] {
  return [join(home, '.cinder'), home, '/etc/cinder', '/etc'];
}

/**
 * Reads the files of a configuration as oslo.config does: those given, in their order, a folder standing for its
 * `*.conf` sorted by name. Without a given file, `cinder.conf` and `cinder-volume.conf` are looked for; without a
 * given folder, `cinder.conf.d` and `cinder-volume.conf.d`; those that are found come before all given ones.
 */
export async function readSources(
  given: readonly GivenSource[],
  folders: readonly string[] = defaultFolders(),
): Promise<ReadSources> {
  const faults: Fault[] = [];
  const files: string[] = [];
  if (!given.some(({ kind }) => kind === 'file')) files.push(...(await firstOf(folders, '.conf')));
  if (!given.some(({ kind }) => kind === 'dir'))
    for (const folder of await firstOf(folders, '.conf.d')) files.push(...(await filesOf(folder, faults)));
  for (const { kind, path } of given) {
    const full = resolve(path.replace(/^~(?=\/|$)/, homedir()));
    files.push(...(kind === 'file' ? [full] : await filesOf(full, faults)));
  }
  const texts: ConfigText[] = [];
  for (const file of files) {
    const text = await read(file, faults);
    if (text !== undefined) texts.push({ file, text });
  }
  return { texts, faults };
}

/** For each of the two base names the first folder's, as oslo.config searches. */
async function firstOf(folders: readonly string[], extension: string): Promise<string[]> {
  const found: string[] = [];
  for (const base of ['cinder', 'cinder-volume']) {
    for (const folder of folders) {
      const path = join(folder, `${base}${extension}`);
      if (!(await exists(path))) continue;
      found.push(path);
      break;
    }
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function filesOf(folder: string, faults: Fault[]): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
    // By code points, as Python sorts; a locale's order would differ from machine to machine.
    return names.sort(byCodePoint).map((name) => join(folder, name));
  } catch (error) {
    faults.push({ where: undefined, problem: `cannot read the folder ${folder}: ${messageOf(error)}` });
    return [];
  }
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function read(file: string, faults: Fault[]): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const problem = error instanceof TypeError ? 'is not UTF-8' : messageOf(error);
    const fix = isErrno(error, 'EACCES') ? { fix: 'the service user must be able to read it' } : {};
    faults.push({ where: undefined, problem: `cannot read ${file}: ${problem}`, ...fix });
    return undefined;
  }
}
