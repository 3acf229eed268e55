import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { isErrno, messageOf } from '../kernel/errors.ts';
import { ImageFault } from './inspect/image-bytes.ts';

/**
 * Unpacks an image of the container format `compressed`, for which gzip is the only packing that there is.
 *
 * @param mostBytes more than that is no image for this volume: a few bytes can unpack to any number
 * @throws ImageFault
 */
export async function gunzip(from: string, to: string, mostBytes: number, signal: AbortSignal): Promise<void> {
  if (!(await isGzip(from))) throw new ImageFault('it is compressed in another way than gzip');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > mostBytes ? new ImageFault(`it unpacks to more than ${mostBytes} bytes`) : null, chunk);
    },
  });
  try {
    const target = createWriteStream(to, { flags: 'w', mode: 0o600 });
    await pipeline(createReadStream(from), createGunzip(), count, target, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof ImageFault || isErrno(thrown, 'ENOSPC', 'EDQUOT', 'EIO')) throw thrown;
    throw new ImageFault(`it cannot be unpacked: ${messageOf(thrown)}`);
  }
}

async function isGzip(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await handle.close();
  }
}
