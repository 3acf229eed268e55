import { realpath } from 'node:fs/promises';
import { CinderError } from '../../domain/exceptions.ts';
import type { Logger } from '../../log/logger.ts';
import type { AllowedFolders } from '../share/share-paths.ts';
import type { Mounts } from './mounts.ts';
import type { RemoteFsOptions } from './settings.ts';
import { readShares } from './share-list.ts';
import type { Share } from './shares.ts';

/** Shares that are plain folders of this machine: `NAME:/folder`. For demonstration, development and tests. */
export class FolderMounts implements Mounts {
  readonly remote: boolean = false;
  readonly #options: RemoteFsOptions;
  readonly #log: Logger;
  #shares: readonly Share[] = [];

  constructor(options: RemoteFsOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  async load(): Promise<readonly Share[]> {
    return (this.#shares = await readShares(this.#options, this.#log));
  }

  shares(): readonly Share[] {
    return this.#shares;
  }

  base(): string {
    return this.#options.nfsMountPointBase;
  }

  folderOf(location: string): string {
    return location.slice(location.indexOf(':') + 1);
  }

  async ensure(share: Share): Promise<void> {
    const folder = this.folderOf(share.location);
    const known = this.#shares.some(({ location }) => location === share.location);
    // A link would lead out of what the helper was allowed.
    if (known && (await realpath(folder)) === folder) return;
    const message = `${share.location} is not a configured share with a folder without symbolic links.`;
    throw new CinderError('NfsException', {}, { message, outcome: 'not-started' });
  }

  allowed(): AllowedFolders {
    return { base: null, folders: this.#shares.map(({ location }) => this.folderOf(location)) };
  }
}
