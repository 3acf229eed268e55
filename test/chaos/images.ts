import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { writeBlock } from '../../src/check/guest-block.ts';
import type { ImageServer } from '../support/image-server.ts';
import { lastBlock, places, type Content } from './guest.ts';

const run = promisify(execFile);

export interface MadeImage {
  readonly id: string;
  readonly content: Content;
}

/** An image of 1 GiB with data at its first and in its last block. */
export async function madeImage(images: ImageServer): Promise<MadeImage> {
  const id = randomUUID();
  const path = images.path(id);
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', path, '1G']);
  const content = new Map([
    [places.first, 201],
    [lastBlock(1), 202],
  ]);
  for (const [offset, byte] of content) await writeBlock({ path, format: 'qcow2' }, offset, byte);
  images.add(id, 'active');
  return { id, content };
}
