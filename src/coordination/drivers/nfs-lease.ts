import { readFile, realpath } from 'node:fs/promises';

/**
 * How long an NFSv4 server keeps the locks of a client that it does not hear from, as the kernel was told when the
 * folder's file system was mounted; undefined where there is no such lease (NFSv3).
 */
export async function nfsLeaseMs(directory: string): Promise<number | undefined> {
  const text = await readFile('/proc/self/mountstats', 'utf8');
  return leaseMsIn(text, await realpath(directory));
}

/** Of the mount that is nearest above the folder; of two on one folder the later. */
export function leaseMsIn(mountstats: string, directory: string): number | undefined {
  let nearest = '';
  let leaseMs: number | undefined;
  for (const block of mountstats.split(/^(?=device )/m)) {
    const folder = / mounted on (\S+) with fstype /.exec(block)?.[1];
    if (folder === undefined || folder.length < nearest.length) continue;
    if (!`${directory}/`.startsWith(folder === '/' ? folder : `${folder}/`)) continue;
    nearest = folder;
    const seconds = /\blease_time=(\d+)/.exec(block)?.[1];
    leaseMs = seconds === undefined ? undefined : Number(seconds) * 1000;
  }
  return leaseMs;
}
