import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component, Health } from '../kernel/component.ts';
import { InvalidInputError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { LocalFile } from './image-service.ts';

/** Each process has a folder of its own in image_conversion_dir; upstream's clean-up leaves such names alone. */
const ownFolder = /^aa-([0-9a-f-]{36})$/;
const namePart = /^[0-9A-Za-z-]{1,120}$/;

export interface ConversionFolderOptions {
  /** `image_conversion_dir`; several processes may share it. */
  readonly root: string;
  /** This process's incarnation. */
  readonly incarnation: string;
  /** The incarnations that may be alive, on whatever machine. */
  readonly living: () => Promise<ReadonlySet<string>>;
  readonly log: Logger;
}

/** There is no room for so many bytes. */
export class NoRoomError extends InvalidInputError {
  constructor(root: string, bytes: number, freeBytes: number) {
    super('image_conversion_dir', `${root} has ${freeBytes} bytes left, and ${bytes} are needed`);
  }
}

/**
 * Where images lie while they are worked on. What a process leaves behind goes when the next one starts on this
 * machine; on a share of its own a successor never sees it, because it downloads for itself.
 */
export class ConversionFolder implements Component {
  readonly name = 'image conversion folder';
  readonly #options: ConversionFolderOptions;
  readonly #own: string;
  /** Bytes that files of this process will take and do not have yet: an upper bound. */
  #promised = 0;

  constructor(options: ConversionFolderOptions) {
    this.#options = options;
    this.#own = join(options.root, `aa-${options.incarnation}`);
  }

  /** A folder that cannot be made is no reason not to start: most requests need none. */
  async start(): Promise<void> {
    const { root, log } = this.#options;
    try {
      await mkdir(root, { recursive: true });
      await this.#sweep();
    } catch (err) {
      log.warn({ err, root }, 'image_conversion_dir cannot be used; volumes from images will fail');
    }
  }

  async stop(): Promise<void> {
    await rm(this.#own, { recursive: true, force: true }).catch(() => undefined);
  }

  health(): Health {
    return { ok: true };
  }

  /**
   * A path for a file of one owner, which goes when it is disposed of. `bytes` are kept free for it.
   *
   * @throws NoRoomError
   */
  async file(volumeId: string, ownerTag: string, what: string, bytes: number): Promise<LocalFile> {
    for (const part of [volumeId, ownerTag, what]) {
      if (!namePart.test(part))
        throw new InvalidInputError('file name', `"${part}" may hold letters, digits and - only`);
    }
    // Another process that started meanwhile may have taken an empty folder for a dead one's.
    await mkdir(this.#own, { recursive: true, mode: 0o700 });
    const freeBytes = await this.#freeBytes();
    if (freeBytes <= bytes) throw new NoRoomError(this.#options.root, bytes, freeBytes);
    this.#promised += bytes;
    const path = join(this.#own, `${volumeId}-${ownerTag}-${what}`);
    let held = true;
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        if (held) this.#promised -= bytes;
        held = false;
        await rm(path, { force: true }).catch((err: unknown) => {
          this.#options.log.warn({ err, path }, 'a temporary image stays until the next start');
        });
      },
    };
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#own);
    return bavail * bsize - this.#promised;
  }

  async #sweep(): Promise<void> {
    const { root, incarnation, living, log } = this.#options;
    const alive = await living();
    for (const name of await readdir(root)) {
      const owner = ownFolder.exec(name)?.[1];
      if (owner === undefined || owner === incarnation || alive.has(owner)) continue;
      await rm(join(root, name), { recursive: true, force: true }).catch((thrown: unknown) => {
        log.warn({ folder: name, reason: messageOf(thrown) }, 'a dead process left temporary images that stay');
      });
    }
  }
}
