import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError } from '../../kernel/errors.ts';

/** What an image is refused for; the text is for its owner. */
export class ImageFault extends AppError {
  readonly code = 'IMAGE_FAULT';
  constructor(reason: string) {
    super(reason, { outcome: 'not-started' });
  }
}

/** A file to be inspected, read piece by piece. */
export interface ImageBytes {
  readonly length: number;
  /** Exactly so many bytes. @throws ImageFault where the file ends before */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Runs `look` on a file. It must be a regular one: reading a pipe or a device could wait for ever. */
export async function withImageBytes<T>(path: string, look: (bytes: ImageBytes) => Promise<T>): Promise<T> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new ImageFault('it is not a regular file');
    return await look({
      length: stat.size,
      read: async (offset, length) => {
        const buffer = Buffer.alloc(length);
        if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > stat.size) throw cutOff();
        const { bytesRead } = await handle.read(buffer, 0, length, offset);
        if (bytesRead !== length) throw cutOff();
        return buffer;
      },
    });
  } finally {
    await handle.close();
  }
}

function cutOff(): ImageFault {
  return new ImageFault('it is cut off, or its header points beyond its end');
}
