import { lstat, readdir } from 'node:fs/promises';
import { ImageFault, withImageBytes } from '../../images/inspect/image-bytes.ts';
import { inspectFound } from '../../images/inspect/inspect-found.ts';
import { isErrno } from '../../kernel/errors.ts';
import type { ShareFiles } from './share-files.ts';
import { imageFacts, infoText } from './share-look.ts';
import { pathIn, type AllowedFolders } from './share-paths.ts';
import type { FoundFile, ShareVerbs } from './share-protocol.ts';

/** So many files are looked at together: a share with thousands of them must not take all threads. */
const atOnce = 8;

/** The helper's look at files that belong to no volume (yet): nothing that they say is trusted, nothing is changed. */
export class ShareFinds {
  readonly #allowed: AllowedFolders;
  readonly #files: ShareFiles;

  constructor(allowed: AllowedFolders, files: ShareFiles) {
    this.#allowed = allowed;
    this.#files = files;
  }

  async files({ dir, fresh }: ShareVerbs['files']['args']): Promise<readonly string[]> {
    if (fresh) await this.#files.refresh(dir);
    const entries = await readdir(pathIn(this.#allowed, dir), { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() && !entry.name.startsWith('.') ? [entry.name] : []));
  }

  async examine({ dir, names, fresh }: ShareVerbs['examine']['args']): Promise<ShareVerbs['examine']['result']> {
    if (fresh) await this.#files.refresh(dir);
    return this.#each(names, (name) => examine(pathIn(this.#allowed, dir, name), name));
  }

  read({ dir, names }: ShareVerbs['read']['args']): Promise<ShareVerbs['read']['result']> {
    return this.#each(names, (name) => infoText(pathIn(this.#allowed, dir, name)));
  }

  async #each<T>(names: readonly string[], look: (name: string) => Promise<T>): Promise<Record<string, T>> {
    const found: Record<string, T> = {};
    for (let at = 0; at < names.length; at += atOnce) {
      const some = names.slice(at, at + atOnce);
      const looks = await Promise.all(some.map(async (name) => [name, await look(name)] as const));
      for (const [name, seen] of looks) found[name] = seen;
    }
    return found;
  }
}

async function examine(path: string, name: string): Promise<FoundFile | null> {
  try {
    const stat = await lstat(path);
    // Before it is opened: opening a device can have an effect.
    if (!stat.isFile()) return { fault: 'it is not a regular file' };
    const format = await withImageBytes(path, inspectFound);
    const facts = await imageFacts(path, name, true);
    return facts === null ? null : { fault: null, facts, format, links: stat.nlink };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    if (isErrno(error, 'EACCES', 'EPERM')) return { fault: 'this service may not read it' };
    if (isErrno(error, 'ELOOP')) return { fault: 'it is a symbolic link' };
    if (error instanceof ImageFault) return { fault: error.message };
    throw error;
  }
}
