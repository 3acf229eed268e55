import type { StepGuard } from '../exec.ts';
import type { ShareClient } from '../share/share-client.ts';
import type { Mounts } from './mounts.ts';
import { fileModes } from './nas-security.ts';
import type { Share } from './shares.ts';

/** Makes shares usable: mounted, and with the folder for unfinished files. */
export class ShareFolders {
  readonly #mounts: Mounts;
  readonly #share: ShareClient;
  readonly #fileMode: () => number;
  readonly #prepared = new Set<string>();

  constructor(mounts: Mounts, share: ShareClient, fileMode: () => number) {
    this.#mounts = mounts;
    this.#share = share;
    this.#fileMode = fileMode;
  }

  /**
   * The share's folder, ready to hold volumes.
   *
   * @param options of a share that is not among the configured ones
   */
  async ready(location: string, guard: StepGuard, options: string | null = null): Promise<string> {
    const configured: Share | undefined = this.#mounts.shares().find((share) => share.location === location);
    // A volume's share may have been taken out of the list: its volumes are served all the same.
    await this.#mounts.ensure(configured ?? { location, options }, guard);
    const dir = this.#mounts.folderOf(location);
    if (!this.#prepared.has(location)) {
      const mode = this.#fileMode() === fileModes.secure ? 0o770 : 0o777;
      await this.#share.call('ensureTempFolder', { dir, mode }, guard);
      this.#prepared.add(location);
    }
    return dir;
  }
}
