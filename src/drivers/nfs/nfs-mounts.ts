import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { CinderError } from '../../domain/exceptions.ts';
import { delay, never, raceAbort } from '../../kernel/abort.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../log/logger.ts';
import { CommandError, unlocked, type Exec, type StepGuard } from '../exec.ts';
import { mountPoints } from '../remotefs/mount-table.ts';
import type { Mounts } from '../remotefs/mounts.ts';
import type { RemoteFsOptions } from '../remotefs/settings.ts';
import { readShares } from '../remotefs/share-list.ts';
import { mountPointName, type Share } from '../remotefs/shares.ts';
import type { AllowedFolders } from '../share/share-paths.ts';
import { mountCommands } from './mount-command.ts';

const mountTimeoutMs = 120_000;
const pauseMs = 1_000;

/** NFS exports, each mounted at the base folder's entry that os-brick and Nova also expect it at. */
export class NfsMounts implements Mounts {
  readonly remote = true;
  readonly #options: RemoteFsOptions;
  readonly #log: Logger;
  readonly #exec: () => Exec;
  #base: string;
  #shares: readonly Share[] = [];
  /** One attempt at a time for each mount point: `mount` would stack a second one on the first. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: RemoteFsOptions, log: Logger, exec: () => Exec) {
    this.#options = options;
    this.#log = log;
    this.#exec = exec;
    this.#base = options.nfsMountPointBase;
  }

  async load(): Promise<readonly Share[]> {
    await mkdir(this.#options.nfsMountPointBase, { recursive: true });
    this.#base = await realpath(this.#options.nfsMountPointBase);
    return (this.#shares = await readShares(this.#options, this.#log));
  }

  shares(): readonly Share[] {
    return this.#shares;
  }

  base(): string {
    return this.#base;
  }

  folderOf(location: string): string {
    return join(this.#base, mountPointName(location));
  }

  allowed(): AllowedFolders {
    return { base: this.#base, folders: [] };
  }

  async ensure(share: Share, guard: StepGuard): Promise<void> {
    const folder = this.folderOf(share.location);
    // Asked for before anything is waited for: who comes while one is under way is sure to join it.
    const attempt =
      this.#underWay.get(folder) ?? this.#mount(share, folder).finally(() => this.#underWay.delete(folder));
    this.#underWay.set(folder, attempt);
    // Who loses its locks meanwhile ends its own waiting, not that of the others.
    await raceAbort(attempt, guard.signal);
  }

  async #mount(share: Share, folder: string): Promise<void> {
    if ((await mountPoints()).has(folder)) return;
    // The folder is on this machine's disk: what lies below it, the share, is not touched.
    await mkdir(folder).catch((error: unknown) => {
      if (!messageOf(error).includes('EEXIST')) throw error;
    });
    const attempts = this.#options.nfsMountAttempts;
    for (let attempt = 1; ; attempt++) {
      const problem = await this.#tryOnce(share, folder);
      if (problem === undefined) return;
      this.#log.error({ share: share.location, attempt }, `mounting failed: ${problem.message}`);
      if (attempt >= attempts) throw failed(share, problem);
      await delay(pauseMs, never);
    }
  }

  /** @returns what hindered it, or undefined when the share is mounted */
  async #tryOnce(share: Share, folder: string): Promise<Error | undefined> {
    const common = this.#options.nasMountOptions ?? this.#options.nfsMountOptions;
    let problem: Error | undefined;
    for (const argv of mountCommands(share, folder, common)) {
      // Somebody else (another replica of this machine, Nova) may have been first.
      if ((await mountPoints()).has(folder)) return undefined;
      try {
        await this.#exec().run(argv, { guard: unlocked, timeoutMs: mountTimeoutMs, asRoot: true });
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        problem = error;
      }
      if ((await mountPoints()).has(folder)) return undefined;
    }
    return problem ?? new Error('mount said nothing, and the share is not there');
  }
}

/** A server that does not answer has not refused: of the share, and of what lies there, nothing is known. */
function failed(share: Share, problem: Error): CinderError {
  const message = `The share ${share.location} cannot be mounted: ${problem.message}`;
  const outcome = problem instanceof CommandError && problem.outcome === 'unknown' ? 'unknown' : 'not-started';
  return new CinderError('NfsException', {}, { message, cause: problem, outcome });
}
