import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A folder that serves as the share; for the NFS drivers it is "mounted" beforehand, by a bind mount. */
export interface Share {
  /** The driver's options that name it. */
  readonly options: Readonly<Record<string, string>>;
  /** What lies on the share; after a run in which all was deleted: nothing. */
  leftovers(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

/**
 * Both drivers take a share that is mounted already as it is, so a machine without NFS measures the same: the service,
 * not the network's file system.
 */
export async function makeShare(dir: string, mounted: boolean): Promise<Share> {
  const folder = join(dir, 'export');
  const mountBase = join(dir, 'mnt');
  const address = '127.0.0.1:/bench';
  const sharesFile = join(dir, 'shares');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(sharesFile, `${address}\n`);
  const mountPoint = join(mountBase, createHash('md5').update(address).digest('hex'));
  await mkdir(mounted ? mountPoint : mountBase, { recursive: true });
  if (mounted) await run('mount', ['--bind', folder, mountPoint]);
  const named: Record<string, string> = mounted
    ? { nfs_shares_config: sharesFile }
    : { nas_host: '127.0.0.1', nas_share_path: folder };
  return {
    options: { ...named, nfs_mount_point_base: mountBase },
    // The driver's folder for unfinished files stays, and is empty: what it holds would be left over.
    leftovers: async () => {
      const files = (await readdir(folder, { recursive: true })).filter((name) => name !== '.cinder-volume-aa');
      return files.sort();
    },
    remove: async () => {
      // A service that ran may have left something open; the folder is gone with the mount table's last user.
      if (mounted) await run('umount', ['--lazy', mountPoint]);
    },
  };
}
