import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Bytes that are written and compared at a time, all of one value. */
export const blockLength = 64 * 1024;

/** Writes a block into an image as its guest would. */
export async function writeBlock(
  image: { readonly path: string; readonly format: string },
  offset: number,
  byte: number,
): Promise<void> {
  const { path, format } = image;
  if (format === 'raw') await writeRaw(path, offset, byte);
  else await run('qemu-io', ['-f', format, '-c', `write -P ${byte} ${offset} ${blockLength}`, path]);
}

async function writeRaw(path: string, offset: number, byte: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(Buffer.alloc(blockLength, byte), 0, blockLength, offset);
  } finally {
    await file.close();
  }
}
