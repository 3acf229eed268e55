import type { Readable, Writable } from 'node:stream';
import { CinderError } from '../domain/exceptions.ts';
import { delay } from '../kernel/abort.ts';
import { isErrno, messageOf, type Outcome } from '../kernel/errors.ts';
import type { Caller, ImageMeta, ImageService, UploadOptions } from '../images/image-service.ts';
import { checkedDownload } from './checked-download.ts';
import { parseImage } from './glance-image.ts';
import type { GlanceRequest, GlanceRequests } from './glance-requests.ts';
import type { HttpAnswer } from './http-client.ts';
import { OpenStackError } from './openstack-error.ts';

/** How often an image that somebody else is uploading is looked at. */
const savingPauseMs = 2_000;
/** A broken upload leaves an image `saving` for as long as Glance takes to notice. */
const savingLimitMs = 10 * 60_000;
/** Of a refusal's text, which Glance wraps in HTML. */
const longestReason = 300;

/** Images in Glance, by its API v2. */
export class GlanceImageService implements ImageService {
  readonly #requests: GlanceRequests;
  readonly #pauseMs: number;

  constructor(requests: GlanceRequests, pauseMs: number = savingPauseMs) {
    this.#requests = requests;
    this.#pauseMs = pauseMs;
  }

  show(caller: Caller, id: string, signal: AbortSignal): Promise<ImageMeta> {
    return this.#run(caller, id, { method: 'GET', path: pathOf(id) }, signal, async (answer) =>
      parseImage(await okText(answer, id)),
    );
  }

  async download(caller: Caller, image: ImageMeta, open: () => Writable, signal: AbortSignal): Promise<void> {
    const request = { method: 'GET', path: `${pathOf(image.id)}/file` } as const;
    await this.#run(caller, image.id, request, signal, async (answer) => {
      if (answer.status === 204) throw noContent(image.id);
      if (answer.status !== 200) throw await refusal(answer, image.id);
      await checkedDownload(image, answer.body, open(), signal).catch((thrown: unknown) => {
        throw diskError(thrown, image.id);
      });
    });
  }

  async upload(
    caller: Caller,
    id: string,
    open: () => Readable,
    options: UploadOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const headers = {
      'content-type': 'application/octet-stream',
      ...(options.storeId !== null && { 'x-image-meta-store': options.storeId }),
      ...(options.baseImageId !== null && { 'x-openstack-base-image-ref': options.baseImageId }),
    };
    const request = { method: 'PUT', path: `${pathOf(id)}/file`, headers, body: open } as const;
    try {
      // 409: not queued (any more), perhaps by an upload whose answer got lost.
      const status = await this.#run(caller, id, request, signal, async (answer) => {
        if (answer.status !== 204 && answer.status !== 409) throw await refusal(answer, id);
        return answer.status;
      });
      if (status === 204) return;
    } catch (thrown) {
      if (!(thrown instanceof CinderError) || thrown.exception !== 'GlanceConnectionFailed') throw thrown;
      signal.throwIfAborted();
    }
    await this.#untilActive(caller, id, signal);
  }

  async remove(caller: Caller, id: string, signal: AbortSignal): Promise<void> {
    await this.#run(caller, id, { method: 'DELETE', path: pathOf(id) }, signal, async (answer) => {
      if (answer.status !== 204 && answer.status !== 404) throw await refusal(answer, id);
    });
  }

  /** What became of an upload. @throws CinderError of unknown outcome where Glance cannot be asked */
  async #untilActive(caller: Caller, id: string, signal: AbortSignal): Promise<void> {
    const tries = Math.ceil(savingLimitMs / this.#pauseMs);
    for (let looks = 0; looks < tries; looks += 1) {
      const { status } = await this.show(caller, id, signal).catch((thrown: unknown) => {
        throw asUnknown(thrown);
      });
      if (status === 'active') return;
      if (status === 'queued') throw connectionFailed(`the upload of image ${id} did not get through`, 'failed');
      if (status !== 'saving') throw connectionFailed(`image ${id} is ${status} and takes no content`, 'failed');
      await delay(this.#pauseMs, signal);
    }
    throw connectionFailed(`image ${id} stays "saving"`, 'failed');
  }

  async #run<T>(
    caller: Caller,
    id: string,
    request: GlanceRequest,
    signal: AbortSignal,
    use: (answer: HttpAnswer) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#requests.run(caller, request, signal, use);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof OpenStackError)) throw thrown;
      throw translated(thrown, id);
    }
  }
}

/** An id from outside becomes a part of a URL. */
function pathOf(id: string): string {
  return `/v2/images/${encodeURIComponent(id)}`;
}

async function okText(answer: HttpAnswer, id: string): Promise<string> {
  if (answer.status !== 200) throw await refusal(answer, id);
  return textOf(answer, 16 * 1024 * 1024);
}

async function refusal(answer: HttpAnswer, id: string): Promise<OpenStackError> {
  const { status } = answer;
  const text = await textOf(answer, 16 * 1024).catch(() => '');
  const words = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, longestReason);
  return new OpenStackError(`image ${id}: HTTP ${status}${words === '' ? '' : `: ${words}`}`, { status });
}

async function textOf({ body }: HttpAnswer, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > mostBytes) break;
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw new OpenStackError(`the answer broke off: ${messageOf(thrown)}`, { cause: thrown, outcome: 'unknown' });
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Upstream's names for what Glance says. */
function translated(error: OpenStackError, image_id: string): CinderError {
  const options = { cause: error, outcome: 'failed' } as const;
  switch (error.status) {
    case 401:
    case 403:
      return new CinderError('ImageNotAuthorized', { image_id }, options);
    case 404:
    case 410:
      return new CinderError('ImageNotFound', { image_id }, options);
    case 413:
      return new CinderError('ImageLimitExceeded', {}, options);
    case 400:
      return new CinderError('Invalid', {}, { ...options, message: error.message });
    default:
      return new CinderError('GlanceConnectionFailed', { reason: error.message }, options);
  }
}

function noContent(id: string): CinderError {
  return new CinderError('ImageDownloadFailed', { image_href: id, reason: 'the image has no content' });
}

function diskError(thrown: unknown, image_id: string): unknown {
  const reason = messageOf(thrown);
  if (isErrno(thrown, 'ENOSPC', 'EDQUOT')) {
    return new CinderError(
      'ImageTooBig',
      { image_id, reason: `image_conversion_dir is full: ${reason}` },
      { cause: thrown },
    );
  }
  if (thrown instanceof OpenStackError || !(thrown instanceof Error) || !('code' in thrown)) return thrown;
  return new CinderError('ImageDownloadFailed', { image_href: image_id, reason }, { cause: thrown });
}

function connectionFailed(reason: string, outcome: Outcome): CinderError {
  return new CinderError('GlanceConnectionFailed', { reason }, { outcome });
}

/** That an image is gone is known; that Glance gave no answer says nothing. */
function asUnknown(thrown: unknown): unknown {
  if (!(thrown instanceof CinderError) || thrown.exception !== 'GlanceConnectionFailed') return thrown;
  return new CinderError('GlanceConnectionFailed', { reason: thrown.message }, { cause: thrown, outcome: 'unknown' });
}
