import { join } from 'node:path';
import { delay } from '../../kernel/abort.ts';
import { AppError } from '../../kernel/errors.ts';
import { CinderError } from '../../domain/exceptions.ts';
import type { Volume } from '../../domain/rows.ts';
import { ImageBusyError, type ImageFormat } from '../qemu-img.ts';
import type { OpenImage } from '../qemu-secrets.ts';
import { tempName, tempPath } from '../share/share-paths.ts';
import type { FileOwner, ImageFacts, ShareVerbs } from '../share/share-protocol.ts';
import type { DriverWork } from '../volume-driver.ts';
import { formatInfoFile, parseInfoFile, type SnapshotInfo } from './info-file.ts';
import type { RemoteFsParts } from './parts.ts';
import { passphraseOf } from './encryption.ts';
import { assembleChain, type Image, type VolumeChain } from './volume-chain.ts';
import { backingName, infoFile, volumeFile } from './volume-names.ts';

/** A busy image is looked at again after this. */
const busyPauseMs = 500;
/** Somebody who holds an image for longer is no predecessor that is about to end, but a user we do not know of. */
const busyLimitMs = 10 * 60_000;

/** One volume's files in its share's folder, for one operation under its locks. */
export class VolumeFolder {
  readonly dir: string;
  readonly base: string;
  readonly volume: Volume;
  readonly work: DriverWork;
  readonly #parts: RemoteFsParts;

  /** Use `openFolder`. */
  constructor(parts: RemoteFsParts, dir: string, volume: Volume, work: DriverWork) {
    this.#parts = parts;
    this.dir = dir;
    this.volume = volume;
    this.base = volumeFile(volume);
    this.work = work;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** For qemu-img: the first of these images of the chain, and with a passphrase those below it. */
  async open(images: readonly Image[]): Promise<OpenImage> {
    const [top, ...below] = images;
    if (top === undefined) throw new Error('an image to open');
    const passphrase = await passphraseOf(this.volume, this.work);
    return this.#opened(top, below, passphrase);
  }

  #opened(image: Image, below: readonly Image[], passphrase: string | undefined): OpenImage {
    const plain = { path: this.path(image.name), format: image.isLuks ? 'luks' : image.format };
    if (passphrase === undefined) return plain;
    const [next, ...rest] = below;
    return { ...plain, passphrase, below: next === undefined ? null : this.#opened(next, rest, passphrase) };
  }

  /** The name and path of an unfinished file of this owner. */
  temp(what: string): { readonly name: string; readonly path: string } {
    const name = tempName(this.base, this.work.ownerTag, what);
    return { name, path: tempPath(this.dir, name) };
  }

  /**
   * Removes what older owners left unfinished, then looks, with the folder made fresh.
   *
   * @param also files to look at besides the chain
   */
  async look(also: readonly string[] = [], probe = false): Promise<VolumeChain> {
    const { base, dir, work } = this;
    const args = { dir, base, tag: work.ownerTag, also, fresh: this.#parts.mounts.remote, probe };
    const { info, images } = await this.#parts.share.call('look', args, work);
    const parsed = info === null ? null : parseInfoFile(info, this.path(infoFile(base)));
    return assembleChain({ base, info: parsed, seen: images }, this.volume, await this.#knownFormat());
  }

  /** What the share helper sees of the volume, judged by nobody, and who has which image open. */
  lookAsIs(also: readonly string[]): Promise<ShareVerbs['look']['result']> {
    const { base, dir, work } = this;
    const args = { dir, base, tag: work.ownerTag, also, fresh: false, probe: true };
    return this.#parts.share.call('look', args, work);
  }

  /** All files that could be overlays of the volume, in its chain or not. */
  async overlays(): Promise<readonly string[]> {
    const { base, dir, work } = this;
    const names = await this.#parts.share.call('files', { dir, fresh: this.#parts.mounts.remote }, work);
    return names.filter((name) => name !== base && backingName(name, base) === name);
  }

  /** Why somebody else may be changing the chain just now; null: nobody can be. */
  notAtRest(seen: readonly (ImageFacts | null)[]): string | null {
    const { status, attach_status } = this.volume;
    if (status !== 'available' || attach_status !== 'detached') {
      return `the volume is ${status ?? 'without status'} and ${attach_status ?? 'without attach_status'}`;
    }
    const busy = seen.find((facts) => facts?.busy === true);
    return busy === undefined || busy === null ? null : `somebody has ${busy.name} open`;
  }

  /** As `look`, and waits until nobody has an image of the volume open: a predecessor's qemu-img may still live. */
  async lookIdle(also: readonly string[] = []): Promise<VolumeChain> {
    const limit = this.#parts.clock.nowMs() + busyLimitMs;
    for (;;) {
      const chain = await this.look(also, true);
      const busy = Object.values(chain.seen).filter((facts) => facts?.busy === true);
      if (busy.length === 0) return chain;
      await this.#waitForBusy(busy.map((facts) => facts?.name).join(', '), limit);
    }
  }

  /** Runs a qemu-img command again while somebody has the image open. */
  async whileBusy<T>(command: () => Promise<T>): Promise<T> {
    const limit = this.#parts.clock.nowMs() + busyLimitMs;
    for (;;) {
      try {
        return await command();
      } catch (error) {
        if (!(error instanceof ImageBusyError)) throw error;
        await this.#waitForBusy(error.message, limit);
      }
    }
  }

  inspectTemp(name: string): Promise<ImageFacts | null> {
    return this.#parts.share.call('inspect', { dir: this.dir, name, temp: true }, this.work);
  }

  inspect(name: string): Promise<ImageFacts | null> {
    return this.#parts.share.call('inspect', { dir: this.dir, name, temp: false }, this.work);
  }

  /** Makes a complete temporary file a file of the volume. */
  async commit(
    point: string,
    temp: string,
    name: string,
    options: { how: 'link' | 'rename'; owner?: FileOwner; growTo?: number; mode?: number },
  ): Promise<void> {
    await this.work.commitPoint(point);
    const { how, owner = null, growTo = null, mode = this.#parts.fileMode() } = options;
    const args = { dir: this.dir, temp, name, how, mode, owner, growTo };
    await this.#parts.share.call('commit', args, this.work);
  }

  /** Replaces `.info`; readers see the old one or the new one. */
  async writeInfo(info: SnapshotInfo, owner: FileOwner | null): Promise<void> {
    await this.work.commitPoint('snapshot-info');
    const { dir, base } = this;
    const names = { dir, temp: this.temp('info').name, name: infoFile(base) };
    const args = { ...names, text: formatInfoFile(info), mode: this.#parts.fileMode(), owner };
    await this.#parts.share.call('replaceFile', args, this.work);
  }

  /** A file that was not the volume's becomes its base file. */
  async adopt(name: string): Promise<void> {
    await this.work.commitPoint('volume-adopted');
    const { dir, base } = this;
    await this.#parts.share.call('adopt', { dir, name, as: base, mode: this.#parts.fileMode() }, this.work);
  }

  async unlink(point: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.work.commitPoint(point);
    await this.#parts.share.call('unlink', { dir: this.dir, names }, this.work);
  }

  /** Runs `make`, which leaves files of this owner behind; where it fails for certain they are removed. */
  async withTemps(make: () => Promise<void>): Promise<void> {
    try {
      await make();
    } catch (error) {
      if (!(error instanceof AppError) || error.outcome !== 'unknown')
        await this.removeOwnTemps().catch(() => undefined);
      throw error;
    }
  }

  async removeOwnTemps(): Promise<void> {
    const { dir, base, work } = this;
    await this.#parts.share.call('removeTemps', { dir, base, tag: work.ownerTag, own: true }, work);
  }

  async #waitForBusy(what: string, limit: number): Promise<void> {
    if (this.#parts.clock.nowMs() >= limit) {
      const message = `Refused: somebody has had ${what} open for ${busyLimitMs / 60_000} minutes.`;
      throw new CinderError('RemoteFSException', {}, { message, outcome: 'not-started' });
    }
    this.work.log.info({ volume_id: this.volume.id }, `waiting for ${what}: it is in use`);
    await delay(busyPauseMs, this.work.signal);
  }

  async #knownFormat(): Promise<ImageFormat | undefined> {
    const metadata = await this.work.adminMetadataOf?.(this.volume.id);
    const format = metadata?.['base_format'] ?? metadata?.['format'];
    return format === 'raw' || format === 'qcow2' ? format : undefined;
  }
}

/**
 * The volume's folder, its share mounted.
 *
 * @param options of a share that is not among the configured ones
 * @throws CinderError where the share is unknown or cannot be mounted
 */
export async function openFolder(
  parts: RemoteFsParts,
  volume: Volume,
  work: DriverWork,
  options: string | null = null,
): Promise<VolumeFolder> {
  const location = volume.provider_location;
  if (location === null) {
    const reason = 'it has no provider_location';
    throw new CinderError('InvalidVolume', { reason }, { outcome: 'not-started' });
  }
  const dir = await parts.folders.ready(location, work, options);
  return new VolumeFolder(parts, dir, volume, work);
}
