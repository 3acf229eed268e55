import { constants, type BigIntStats } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, statfs, unlink, type FileHandle } from 'node:fs/promises';
import { isErrno } from '../../kernel/errors.ts';
import { CallError, toCallError, type CallGuard } from './call-guard.ts';
import { pathIn, tagOfTemp, type AllowedFolders } from './share-paths.ts';
import { freshnessFile, tempFolder, type CommitArgs, type FileOwner, type ShareVerbs } from './share-protocol.ts';

type Args<V extends keyof ShareVerbs> = ShareVerbs[V]['args'];
type Result<V extends keyof ShareVerbs> = ShareVerbs[V]['result'];

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
const zeroBlock = 1024 * 1024;

/** The helper's work on files: every change of a share is one of these. */
export class ShareFiles {
  readonly #allowed: AllowedFolders;

  constructor(allowed: AllowedFolders) {
    this.#allowed = allowed;
  }

  async statfs({ dir }: Args<'statfs'>): Promise<Result<'statfs'>> {
    const { bsize, blocks, bfree, bavail } = await statfs(pathIn(this.#allowed, dir));
    return { totalBytes: blocks * bsize, freeBytes: bfree * bsize, availableBytes: bavail * bsize };
  }

  async ensureFolder({ dir }: Args<'ensureFolder'>): Promise<null> {
    await mkdir(pathIn(this.#allowed, dir)).catch(ignore('EEXIST'));
    return null;
  }

  async ensureTempFolder({ dir, mode }: Args<'ensureTempFolder'>): Promise<null> {
    const path = pathIn(this.#allowed, dir, tempFolder);
    await mkdir(path, mode).catch(ignore('EEXIST'));
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      // The umask took bits away. Where the folder is somebody else's, its owner has seen to that.
      if (((await handle.stat()).mode & 0o777) !== mode) await handle.chmod(mode).catch(ignore('EPERM'));
    } finally {
      await handle.close();
    }
    return null;
  }

  async exists({ dir, name }: Args<'exists'>): Promise<boolean> {
    return (await this.#lengthOf(pathIn(this.#allowed, dir, name))) !== null;
  }

  async createFile(args: Args<'createFile'>, guard: CallGuard): Promise<Result<'createFile'>> {
    const { dir, name, tag, temp, bytes, mode, fill, mayReplace, fresh } = args;
    await this.removeTemps({ dir, base: name, tag, own: false }, guard);
    if (fresh) await this.refresh(dir);
    const path = pathIn(this.#allowed, dir, name);
    const present = await this.#lengthOf(path);
    if (present === bytes) return { state: 'exists' };
    if (present !== null && !mayReplace) return { state: 'conflict', bytes: present };
    await this.#writeTemp(dir, temp, guard, async (handle) => {
      await (fill === 'sparse' ? handle.truncate(bytes) : writeZeros(handle, bytes, guard));
      await finish(handle, mode, null);
    });
    await this.#publish(dir, temp, name, present === null ? 'link' : 'rename', guard);
    return { state: 'made' };
  }

  async commit(args: CommitArgs, guard: CallGuard): Promise<null> {
    const { dir, temp, name, how, mode, owner, growTo } = args;
    const path = pathIn(this.#allowed, dir, tempFolder, temp);
    const handle = await open(path, O_RDWR | O_NOFOLLOW).catch(takenAway(path));
    try {
      if (growTo !== null && (await handle.stat()).size < growTo) await handle.truncate(growTo);
      await finish(handle, mode, owner);
    } finally {
      await handle.close();
    }
    await this.#publish(dir, temp, name, how, guard);
    return null;
  }

  async replaceFile(args: Args<'replaceFile'>, guard: CallGuard): Promise<null> {
    const { dir, temp, name, text, mode, owner } = args;
    await this.#writeTemp(dir, temp, guard, async (handle) => {
      await handle.writeFile(text);
      await finish(handle, mode, owner);
    });
    await this.#publish(dir, temp, name, 'rename', guard);
    return null;
  }

  async move({ dir, from, to }: Args<'move'>, guard: CallGuard): Promise<Result<'move'>> {
    const [source, target] = [pathIn(this.#allowed, dir, from), pathIn(this.#allowed, dir, to)];
    const { ino } = await lstat(source);
    await guard.commit(() => link(source, target)).catch(ignore('EEXIST'));
    // An interrupted predecessor, or a server that lost its answer, may have linked it before.
    if ((await lstat(target)).ino !== ino) return { state: 'taken' };
    await guard.commit(() => unlink(source)).catch(ignore('ENOENT'));
    await this.#syncFolder(dir);
    return { state: 'moved' };
  }

  async adopt({ dir, name, as, mode }: Args<'adopt'>, guard: CallGuard): Promise<null> {
    const from = pathIn(this.#allowed, dir, name);
    const to = pathIn(this.#allowed, dir, as);
    const handle = await open(from, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) throw new CallError('REFUSED', `${from} is not a regular file`, 'failed');
      await finish(handle, mode, null);
    } finally {
      await handle.close();
    }
    if ((await this.#lengthOf(to)) !== null) throw new CallError('EEXIST', `${to} is there already`, 'failed');
    await this.#rename(await lstat(from, { bigint: true }), from, to, rename, guard);
    await this.#syncFolder(dir);
    return null;
  }

  async unlink({ dir, names }: Args<'unlink'>, guard: CallGuard): Promise<null> {
    const paths = names.map((name) => pathIn(this.#allowed, dir, name));
    for (const path of paths) await guard.commit(() => unlink(path)).catch(ignore('ENOENT'));
    await this.#syncFolder(dir);
    return null;
  }

  async removeTemps({ dir, base, tag, own }: Args<'removeTemps'>, guard: CallGuard): Promise<readonly string[]> {
    const folder = pathIn(this.#allowed, dir, tempFolder);
    const removed: string[] = [];
    for (const name of await readdir(folder).catch(notPrepared(folder))) {
      const owner = tagOfTemp(name, base);
      if (owner === undefined || (owner === tag) !== own) continue;
      guard.assert();
      await unlink(pathIn(this.#allowed, dir, tempFolder, name)).catch(ignore('ENOENT'));
      removed.push(name);
    }
    return removed;
  }

  /**
   * Makes this client see the folder as the server has it: a change of our own that the server confirms brings the
   * folder's new attributes, and with them the cached names and files are looked up again.
   */
  async refresh(dir: string): Promise<void> {
    const path = pathIn(this.#allowed, dir, freshnessFile);
    try {
      const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      await handle.close();
      await unlink(path).catch(ignore('ENOENT'));
    } catch (error) {
      // A full share takes no file, and must let itself be emptied: a folder's attributes are also asked for when it is
      // opened, unless it is mounted with `nocto`.
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      await (await open(pathIn(this.#allowed, dir), O_RDONLY | O_DIRECTORY)).close();
    }
  }

  /** Where writing fails (a full share) nothing stays behind. */
  async #writeTemp(
    dir: string,
    temp: string,
    guard: CallGuard,
    write: (handle: FileHandle) => Promise<void>,
  ): Promise<void> {
    guard.assert();
    const path = pathIn(this.#allowed, dir, tempFolder, temp);
    // An earlier try of the same owner left it.
    await unlink(path).catch(ignore('ENOENT'));
    const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await write(handle);
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
  }

  async #publish(dir: string, temp: string, name: string, how: 'link' | 'rename', guard: CallGuard): Promise<void> {
    const from = pathIn(this.#allowed, dir, tempFolder, temp);
    const to = pathIn(this.#allowed, dir, name);
    try {
      const own = await lstat(from, { bigint: true }).catch(takenAway(from));
      await this.#rename(own, from, to, how === 'link' ? link : rename, guard);
    } catch (error) {
      // Whoever has our locks by now may have had its look already, and would not find it. The tag in the name is ours
      // alone, so nothing of anybody else's can go.
      await unlink(from).catch(() => undefined);
      throw error;
    }
    await this.#syncFolder(dir);
    // It is done. A name that stays behind goes with the next look.
    if (how === 'link') await unlink(from).catch(() => undefined);
  }

  async #rename(own: BigIntStats, from: string, to: string, call: typeof link, guard: CallGuard): Promise<void> {
    await guard.commit(() => call(from, to)).catch((error: unknown) => tolerateOwnReplay(error, to, own));
  }

  async #syncFolder(dir: string): Promise<void> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(pathIn(this.#allowed, dir), O_RDONLY | O_DIRECTORY);
      await handle.sync();
    } catch (error) {
      // The change is there; whether it survives a crash of the server is not known.
      throw new CallError('EFSYNC', `fsync of ${dir}: ${String(error)}`, 'unknown');
    } finally {
      await handle?.close();
    }
  }

  async #lengthOf(path: string): Promise<number | null> {
    try {
      const found = await lstat(path);
      if (!found.isFile()) throw new CallError('REFUSED', `${path} is not a regular file`, 'failed');
      return found.size;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    }
  }
}

/** Somebody has cleaned up, or the share is another one: that says nothing of the operation. */
function notPrepared(folder: string): (error: unknown) => never {
  return (error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new CallError('ENOENT', `somebody has removed ${folder}; it will be made anew`, 'unknown');
  };
}

/**
 * Whoever looks at a volume removes what others have unfinished of it: a successor, whose locks we had, or somebody who
 * was asked how to reach the target of a migration and has come to it late. That says nothing of the operation.
 */
function takenAway(path: string): (error: unknown) => never {
  return (error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new CallError('TAKEN', `somebody has removed ${path}`, 'unknown');
  };
}

/**
 * A server that lost its answer sees the call a second time and says EEXIST or ENOENT: then the file is ours.
 *
 * The number alone does not prove that: whoever has our locks by now has removed our file, and its own may have got the
 * number. Then the time of the last write differs, and it is for the next look to say what happened.
 */
async function tolerateOwnReplay(error: unknown, path: string, own: BigIntStats): Promise<void> {
  if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error;
  const found = await lstat(path, { bigint: true }).catch(ignore('ENOENT'));
  if (found?.ino !== own.ino) throw error;
  if (found.mtimeNs === own.mtimeNs) return;
  const { code, message } = toCallError(error);
  throw new CallError(code, message, 'unknown');
}

async function finish(handle: FileHandle, mode: number, owner: FileOwner | null): Promise<void> {
  const { uid, gid } = await handle.stat();
  // A server that squashes root, or a service user without the right: the mode lets the others in all the same.
  if (owner !== null && (owner.uid !== uid || owner.gid !== gid))
    await handle.chown(owner.uid, owner.gid).catch(ignore('EPERM', 'EINVAL'));
  await handle.chmod(mode).catch(ignore('EPERM'));
  await handle.sync();
}

async function writeZeros(handle: FileHandle, bytes: number, guard: CallGuard): Promise<void> {
  const block = Buffer.alloc(Math.min(zeroBlock, bytes));
  // Of the last block that it has room for, a share takes a part; only the next write says that it is full.
  for (let at = 0; at < bytes;) {
    guard.assert();
    at += (await handle.write(block, 0, Math.min(block.length, bytes - at), at)).bytesWritten;
  }
}

function ignore(...names: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!isErrno(error, ...names)) throw error;
    return undefined;
  };
}
