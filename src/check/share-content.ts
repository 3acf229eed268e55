import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, messageOf } from '../kernel/errors.ts';
import { readImageFile, type ImageFile } from './image-file.ts';

/** All files of one share: images by name, `.info` files by the name of their volume. */
export interface ShareContent {
  /** What `provider_location` says of volumes that lie here. */
  readonly location: string;
  readonly folder: string;
  readonly images: ReadonlyMap<string, ImageFile>;
  readonly infos: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Files that are neither: temporary ones, locks, an `.info` that cannot be read. */
  readonly others: readonly string[];
}

/** The driver's own marks on a share: one stays for ever, the other comes and goes with each look of a replica. */
const marks = new Set(['.cinderSecureEnvIndicator', '.cinder-volume-aa.fresh']);

/** Where the driver makes files before they get their name: it stays, what is in it does not. */
export const workFolder = '.cinder-volume-aa';

export async function readShare(location: string, folder: string): Promise<ShareContent> {
  const images = new Map<string, ImageFile>();
  const infos = new Map<string, Readonly<Record<string, string>>>();
  const others: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const { name } = entry;
    const path = join(folder, name);
    if (marks.has(name)) continue;
    if (name === workFolder) {
      others.push(...(await readdir(path)).map((inside) => join(name, inside)));
      continue;
    }
    if (!entry.isFile() || !name.startsWith('volume-')) others.push(name);
    else if (!name.endsWith('.info')) {
      const image = await readImageFile(path).catch(unlessGone);
      if (image !== null) images.set(name, image);
    } else {
      const text = await readFile(path, 'utf8').catch(unlessGone);
      if (text === null) continue;
      const info = parseInfo(text);
      if (info === undefined) others.push(name);
      else infos.set(name.slice(0, -'.info'.length), info);
    }
  }
  return { location, folder, images, infos, others };
}

/** A service that works on the share has removed it since the folder was listed. */
function unlessGone(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null;
  throw error;
}

function parseInfo(text: string): Readonly<Record<string, string>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const isText = Object.values(value).every((file) => typeof file === 'string');
    return isText ? (value as Readonly<Record<string, string>>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new Error(`.info: ${messageOf(error)}`, { cause: error });
  }
}
