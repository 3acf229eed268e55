import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { CinderError } from '../domain/exceptions.ts';
import type { Exec } from '../drivers/exec.ts';
import { isErrno, messageOf, toError } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import { NoRoomError, type ConversionFolder } from './conversion-folder.ts';
import { gunzip } from './gunzip.ts';
import { virtualSizeOf } from './image-info.ts';
import { isEncrypted, requireFit, requireSize, unacceptable, uploadFormat, type ImageOptions } from './image-rules.ts';
import type {
  Caller,
  ImageMeta,
  Images,
  ImageService,
  ImageTarget,
  ImageWork,
  LocalFile,
  LocalImage,
  UploadFormat,
  UploadImage,
  UploadOptions,
} from './image-service.ts';
import { inspectLuks } from './inspect/check-luks.ts';
import { ImageFault } from './inspect/image-bytes.ts';
import { inspectImage } from './inspect/inspect-image.ts';

const gib = 1024 ** 3;
/** What an image's format may take beside its data. */
const mostOverheadBytes = gib / 4;

export interface ImageWorkshopOptions {
  readonly service: ImageService;
  readonly folder: ConversionFolder;
  /** For programs that read local images. */
  readonly exec: Exec;
  readonly options: ImageOptions;
  readonly log: Logger;
}

/** Images on this machine: downloaded, inspected before any program converts them, and uploaded. */
export class ImageWorkshop implements Images {
  readonly #parts: ImageWorkshopOptions;

  constructor(parts: ImageWorkshopOptions) {
    this.#parts = parts;
  }

  show(caller: Caller, id: string, signal: AbortSignal): Promise<ImageMeta> {
    return this.#parts.service.show(caller, id, signal);
  }

  requireFit(image: ImageMeta, target: ImageTarget): void {
    requireFit(image, target, this.#parts.options);
  }

  async fetch(caller: Caller, image: ImageMeta, target: ImageTarget, work: ImageWork): Promise<LocalImage> {
    this.requireFit(image, target);
    const file = await this.#download(caller, image, target, work);
    try {
      return await this.#inspected(file, image, target, work);
    } catch (thrown) {
      await file[Symbol.asyncDispose]();
      throw this.#refused(thrown, image.id);
    }
  }

  uploadFormat(image: UploadImage): UploadFormat {
    return uploadFormat(image, this.#parts.options);
  }

  /** How much a sparse volume takes is known only when it is read. */
  scratch(volumeId: string, imageId: string, { ownerTag }: ImageWork): Promise<LocalFile> {
    return this.#file(volumeId, ownerTag, 'upload', 0, imageId);
  }

  async upload(
    caller: Caller,
    image: UploadImage,
    path: string,
    options: UploadOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const open = image.containerFormat === 'compressed' ? () => gzipped(path) : () => createReadStream(path);
    await this.#parts.service.upload(caller, image.id, open, options, signal);
  }

  async discardUnfinished(caller: Caller, id: string, signal: AbortSignal): Promise<void> {
    const { service, log } = this.#parts;
    try {
      const { status } = await service.show(caller, id, signal);
      if (status !== 'queued' && status !== 'saving') return;
      log.warn({ image_id: id, status }, 'removing an image that gets no content');
      await service.remove(caller, id, signal);
    } catch (err) {
      signal.throwIfAborted();
      log.warn({ err, image_id: id }, 'an image without content could not be removed');
    }
  }

  /** The content as it is inspected and converted: unpacked. */
  async #download(caller: Caller, image: ImageMeta, target: ImageTarget, work: ImageWork): Promise<LocalFile> {
    const { volumeId, sizeGb } = target;
    const { ownerTag, signal } = work;
    const file = await this.#file(volumeId, ownerTag, 'image', image.sizeBytes ?? sizeGb * gib, image.id);
    try {
      await this.#timed(image, () =>
        this.#parts.service.download(caller, image, () => createWriteStream(file.path, { mode: 0o600 }), signal),
      );
      if (image.containerFormat !== 'compressed') return file;
      return await this.#unpacked(file, image, target, work);
    } catch (thrown) {
      await file[Symbol.asyncDispose]();
      throw this.#refused(thrown, image.id);
    }
  }

  async #unpacked(packed: LocalFile, image: ImageMeta, target: ImageTarget, work: ImageWork): Promise<LocalFile> {
    const unpacked = await this.#file(target.volumeId, work.ownerTag, 'unpacked', 0, image.id);
    try {
      await gunzip(packed.path, unpacked.path, target.sizeGb * gib + mostOverheadBytes, work.signal);
    } catch (thrown) {
      await unpacked[Symbol.asyncDispose]();
      throw thrown;
    }
    await packed[Symbol.asyncDispose]();
    return unpacked;
  }

  async #inspected(file: LocalFile, image: ImageMeta, target: ImageTarget, work: ImageWork): Promise<LocalImage> {
    const { exec, options } = this.#parts;
    const claimed = await inspectImage(file.path, image.diskFormat ?? '', options);
    if (isEncrypted(image)) await inspectLuks(file.path);
    const format = isEncrypted(image) ? 'luks' : claimed;
    const limits = {
      cpuMs: options.imageConversionCpuLimitMs,
      addressSpaceBytes: options.imageConversionAddressSpaceLimitGb * gib,
    };
    const virtualBytes = await virtualSizeOf(exec, { path: file.path, format }, limits, work);
    requireSize(image, virtualBytes, target.sizeGb);
    return { path: file.path, format, virtualBytes, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  }

  async #file(volumeId: string, ownerTag: string, what: string, bytes: number, image_id: string): Promise<LocalFile> {
    try {
      return await this.#parts.folder.file(volumeId, ownerTag, what, bytes);
    } catch (thrown) {
      if (!(thrown instanceof NoRoomError)) throw this.#refused(thrown, image_id);
      throw new CinderError('ImageTooBig', { image_id, reason: thrown.message }, { cause: thrown });
    }
  }

  async #timed(image: ImageMeta, download: () => Promise<void>): Promise<void> {
    const since = performance.now();
    await download();
    const took_ms = Math.round(performance.now() - since);
    this.#parts.log.info({ image_id: image.id, bytes: image.sizeBytes, took_ms }, 'downloaded an image');
  }

  /** Local files hold nothing that anybody relies on: what failed with them is definite. */
  #refused(thrown: unknown, image_id: string): Error {
    if (thrown instanceof ImageFault) {
      this.#parts.log.warn({ image_id, reason: thrown.message }, 'refused an image');
      return unacceptable(image_id, thrown.message);
    }
    if (!(thrown instanceof Error) || !('syscall' in thrown)) return toError(thrown);
    const reason = `image_conversion_dir: ${messageOf(thrown)}`;
    if (isErrno(thrown, 'ENOSPC', 'EDQUOT'))
      return new CinderError('ImageTooBig', { image_id, reason }, { cause: thrown });
    return new CinderError('ImageCopyFailure', { reason }, { cause: thrown });
  }
}

function gzipped(path: string): Readable {
  const gzip = createGzip();
  // An error of the file is an error of the stream that is sent.
  pipeline(createReadStream(path), gzip, () => undefined);
  return gzip;
}
