import type { Readable, Writable } from 'node:stream';
import type { RequestContext } from '../domain/context.ts';
import type { StepGuard } from '../drivers/exec.ts';

/** An image as the image service describes it. */
export interface ImageMeta {
  readonly id: string;
  readonly name: string | null;
  /** `queued`, `saving`, `active`, `killed`, … */
  readonly status: string;
  /** The project that it belongs to. */
  readonly owner: string | null;
  /** `raw`, `qcow2`, …: what its owner claims. */
  readonly diskFormat: string | null;
  /** `bare`, `compressed`, … */
  readonly containerFormat: string | null;
  /** Of the file that is downloaded. */
  readonly sizeBytes: number | null;
  readonly virtualBytes: number | null;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  /** As the service writes it. */
  readonly updatedAt: string;
  /** Of the content, in hexadecimal digits; the strong one where there is one. */
  readonly md5: string | null;
  readonly hash: { readonly algorithm: string; readonly value: string } | null;
  /** What its owner has noted about it, values as text. */
  readonly properties: Readonly<Record<string, string>>;
}

/** What goes along with an upload. */
export interface UploadOptions {
  /** Of a service with several stores: where the image shall lie. */
  readonly storeId: string | null;
  /** The image that the volume was made from. */
  readonly baseImageId: string | null;
}

/** Whoever asks: with the user's own token if the request still has it, else as the service user. */
export type Caller = Pick<RequestContext, 'auth_token' | 'request_id' | 'global_request_id'>;

/** The image service (Glance). Errors are `CinderError`s with upstream's names; every wait ends with the signal. */
export interface ImageService {
  /** @throws CinderError ImageNotFound, ImageNotAuthorized, GlanceConnectionFailed */
  show(caller: Caller, id: string, signal: AbortSignal): Promise<ImageMeta>;
  /** The image's content, compared with its size and checksum. `open` is called for each try and begins anew. */
  download(caller: Caller, image: ImageMeta, open: () => Writable, signal: AbortSignal): Promise<void>;
  /**
   * The content of a queued image. Resolves when the image is active, also where somebody had uploaded it before.
   * `open` is called for each try. An outcome of `unknown` means that the service could not be asked what became of it.
   */
  upload(caller: Caller, id: string, open: () => Readable, options: UploadOptions, signal: AbortSignal): Promise<void>;
  /** A missing image is success. */
  remove(caller: Caller, id: string, signal: AbortSignal): Promise<void>;
}

/** One owner's right to work, and the mark of the files that it makes. */
export interface ImageWork extends StepGuard {
  readonly ownerTag: string;
}

/** A file on this machine that goes when it is disposed of. */
export interface LocalFile extends AsyncDisposable {
  readonly path: string;
}

/** The content of an image, inspected: what it says of itself is true, and it leads to no other file. */
export interface LocalImage extends LocalFile {
  /** As qemu-img calls it; `luks`: with the volume's key, of which the image has a copy. */
  readonly format: string;
  readonly virtualBytes: number;
}

/** For whom an image is fetched. */
export interface ImageTarget {
  readonly volumeId: string;
  readonly sizeGb: number;
  /** Of the backend's new volumes. */
  readonly format: 'raw' | 'qcow2';
  readonly isEncrypted: boolean;
}

/** What is done with images on this machine, between the image service and a backend. */
export interface Images {
  show(caller: Caller, id: string, signal: AbortSignal): Promise<ImageMeta>;
  /** @throws CinderError where the image may not become this volume, known before it is downloaded */
  requireFit(image: ImageMeta, target: ImageTarget): void;
  /** Downloads and inspects. @throws CinderError ImageUnacceptable, ImageTooBig, … */
  fetch(caller: Caller, image: ImageMeta, target: ImageTarget, work: ImageWork): Promise<LocalImage>;
  /** @throws CinderError ImageConversionNotAllowed, InvalidImageRef where no volume is uploaded as that */
  uploadFormat(image: UploadImage): UploadFormat;
  /** A name for a file of this owner. */
  scratch(volumeId: string, imageId: string, work: ImageWork): Promise<LocalFile>;
  /** See `ImageService.upload`. */
  upload(caller: Caller, image: UploadImage, path: string, options: UploadOptions, signal: AbortSignal): Promise<void>;
  /** Removes an image that waits for its content. Best effort: an image that cannot be removed is logged. */
  discardUnfinished(caller: Caller, id: string, signal: AbortSignal): Promise<void>;
}

/** What qemu-img makes of a volume that is uploaded. */
export interface UploadFormat {
  /** As qemu-img calls it. */
  readonly format: string;
  readonly compress: boolean;
}

/** The image that a volume becomes. */
export interface UploadImage {
  readonly id: string;
  readonly diskFormat: string;
  readonly containerFormat: string;
}
