import { inflateSync } from 'node:zlib';
import { WIRE_LIMITS } from '../wire/json-text.ts';

/** kombu's `gzip` is zlib's format; these are its names in the header `compression`. */
const ZLIB: readonly unknown[] = ['application/x-gzip', 'gzip', 'zlib'];

/** The body as its sender wrote it, before `kombu_compression`. Throws for what cannot be unpacked. */
export function unpackBody(content: Buffer, headers: Readonly<Record<string, unknown>> | undefined): Buffer {
  const compression = headers?.['compression'];
  if (compression === undefined || compression === null || compression === '') return content;
  if (!ZLIB.includes(compression)) {
    throw new Error(
      `compression ${JSON.stringify(compression).slice(0, 40)} is not supported; set kombu_compression to gzip`,
    );
  }
  return inflateSync(content, { maxOutputLength: WIRE_LIMITS.maxBytes });
}
