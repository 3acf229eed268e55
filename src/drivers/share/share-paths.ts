import { join } from 'node:path';
import { InvalidInputError } from '../../kernel/errors.ts';
import { tempFolder } from './share-protocol.ts';

const namePattern = /^[A-Za-z0-9.][A-Za-z0-9._~-]{0,250}$/;
const tagPattern = /^[A-Za-z0-9-]{1,64}$/;
const mountPointPattern = /^[0-9a-f]{32}$/;

/** Where a helper may work: in the mount points below `base`, and in the folders given by name. */
export interface AllowedFolders {
  readonly base: string | null;
  readonly folders: readonly string[];
}

/** A file's name on a share: no slash, no leading dash, none of the names with a meaning. */
export function checkedName(name: string): string {
  if (!namePattern.test(name) || name === '.' || name === '..') {
    throw new InvalidInputError('file name', `"${name}" is not a name that a share may hold`);
  }
  return name;
}

/** The path of a file in a share's folder. @throws InvalidInputError for anything that could lead out of it */
export function pathIn(allowed: AllowedFolders, dir: string, ...names: readonly string[]): string {
  if (!isAllowed(allowed, dir)) throw new InvalidInputError('folder', `"${dir}" is no share's folder`);
  return join(dir, ...names.map(checkedName));
}

/** The name of an unfinished file: whose it is can be read from it. */
export function tempName(base: string, ownerTag: string, what: string): string {
  if (!tagPattern.test(ownerTag)) throw new InvalidInputError('owner tag', `"${ownerTag}" may hold letters, digits, -`);
  return checkedName(`${base}~${ownerTag}~${what}`);
}

/** The owner's tag in an unfinished file's name, if it is one of this volume. */
export function tagOfTemp(name: string, base: string): string | undefined {
  return name.startsWith(`${base}~`) ? name.slice(base.length + 1).split('~')[0] : undefined;
}

/** The path of an unfinished file, as qemu-img is to be told. */
export function tempPath(dir: string, temp: string): string {
  return join(dir, tempFolder, checkedName(temp));
}

function isAllowed({ base, folders }: AllowedFolders, dir: string): boolean {
  if (folders.includes(dir)) return true;
  return base !== null && dir.startsWith(`${base}/`) && mountPointPattern.test(dir.slice(base.length + 1));
}
