import type { Clock } from '../../kernel/clock.ts';
import type { StepGuard } from '../exec.ts';
import type { ShareClient } from '../share/share-client.ts';
import type { Mounts } from './mounts.ts';
import { fileModes } from './nas-security.ts';
import type { Share } from './shares.ts';

/** A folder that is removed under us is missing for so long; what needs it until then is given back. */
const preparedForMs = 10_000;

/** Makes shares usable: mounted, and with the folder for unfinished files. */
export class ShareFolders {
  readonly #mounts: Mounts;
  readonly #share: ShareClient;
  readonly #fileMode: () => number;
  readonly #clock: Clock;
  readonly #preparedAtMs = new Map<string, number>();

  constructor(mounts: Mounts, share: ShareClient, clock: Clock, fileMode: () => number) {
    this.#mounts = mounts;
    this.#share = share;
    this.#clock = clock;
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
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#preparedAtMs.get(location) ?? Number.NEGATIVE_INFINITY) >= preparedForMs) {
      const mode = this.#fileMode() === fileModes.secure ? 0o770 : 0o777;
      await this.#share.call('ensureTempFolder', { dir, mode }, guard);
      this.#preparedAtMs.set(location, nowMs);
    }
    return dir;
  }
}
