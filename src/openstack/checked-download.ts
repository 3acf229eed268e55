import { createHash, getHashes, type Hash } from 'node:crypto';
import { Transform, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isErrno, messageOf } from '../kernel/errors.ts';
import type { ImageMeta } from '../images/image-service.ts';
import { OpenStackError } from './openstack-error.ts';

/**
 * Streams an image's content to `target` and compares it with what the service says of it: its length, and the
 * strongest checksum that it has and that this machine knows.
 *
 * @throws OpenStackError of unknown outcome where the connection broke or the content differs: worth another try
 */
export async function checkedDownload(
  image: ImageMeta,
  from: Readable,
  target: Writable,
  signal: AbortSignal,
): Promise<void> {
  const expected = checksumOf(image);
  const hash = expected === null ? null : createHash(expected.algorithm);
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash?.update(chunk);
      // More than was announced can only fill the disk.
      done(image.sizeBytes !== null && bytes > image.sizeBytes ? tooLong(image.sizeBytes) : null, chunk);
    },
  });
  await pipeline(from, count, target, { signal }).catch((thrown: unknown) => {
    throw isOfDisk(thrown) || thrown instanceof OpenStackError ? thrown : broken(thrown);
  });
  if (image.sizeBytes !== null && bytes !== image.sizeBytes)
    throw broken(new Error(`${bytes} of ${image.sizeBytes} bytes came`));
  compare(hash, expected);
}

function checksumOf({ hash, md5 }: ImageMeta): { readonly algorithm: string; readonly value: string } | null {
  if (hash !== null && getHashes().includes(hash.algorithm.toLowerCase())) {
    return { algorithm: hash.algorithm.toLowerCase(), value: hash.value };
  }
  return md5 === null ? null : { algorithm: 'md5', value: md5 };
}

function compare(hash: Hash | null, expected: { readonly algorithm: string; readonly value: string } | null): void {
  if (hash === null || expected === null) return;
  const found = hash.digest('hex');
  if (found === expected.value.toLowerCase()) return;
  const message = `the image came with ${expected.algorithm} ${found} instead of ${expected.value}`;
  throw new OpenStackError(message, { outcome: 'unknown' });
}

function tooLong(bytes: number): OpenStackError {
  return new OpenStackError(`the image is longer than its ${bytes} bytes`, { outcome: 'unknown' });
}

/** Writing failed, not reading: no other server would help. */
function isOfDisk(thrown: unknown): boolean {
  return isErrno(thrown, 'ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EFBIG', 'ENOTDIR');
}

function broken(thrown: unknown): OpenStackError {
  return new OpenStackError(`the download broke off: ${messageOf(thrown)}`, { cause: thrown, outcome: 'unknown' });
}
