import { createHash } from 'node:crypto';

/** One export as the operator wrote it; its exact text is `volumes.provider_location` and gives the mount point. */
export interface Share {
  readonly location: string;
  /** Mount options of this share alone, or null. */
  readonly options: string | null;
}

/**
 * Upstream's shares file: `host:/path` on each line, options after the first space, `#` in the first column for a
 * comment, `\040` for a space in the path. Of a share that stands there twice the last options count.
 */
export function parseSharesFile(text: string): {
  readonly shares: readonly Share[];
  readonly ignored: readonly string[];
} {
  const shares = new Map<string, Share>();
  const ignored: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [address = '', ...rest] = line.split(' ');
    const location = address.replaceAll('\\040', ' ').trim();
    const options = rest.join(' ').trim();
    if (isLocation(location)) shares.set(location, { location, options: options === '' ? null : options });
    else ignored.push(line);
  }
  return { shares: [...shares.values()], ignored };
}

/** Whether it reads as a share. */
export function isLocation(text: string): boolean {
  return /^.+:\/.+/.test(text);
}

/** The name of a share's mount point below the base folder, as os-brick names it. */
export function mountPointName(location: string): string {
  return createHash('md5').update(location, 'utf8').digest('hex');
}
