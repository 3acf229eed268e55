import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { blockLength, writeBlock } from '../../src/check/guest-block.ts';
import { readImageFile } from '../../src/check/image-file.ts';
import type { Difference } from '../../src/check/verify.ts';
import { isErrno, messageOf } from '../../src/kernel/errors.ts';

const run = promisify(execFile);
const gib = 2 ** 30;

/** What a volume or a snapshot must hold: the byte that fills the block at each offset. Elsewhere: zeros. */
export type Content = ReadonlyMap<number, number>;

/** Where guests write; the last place is the volume's very end. */
export const places = { first: 2 ** 20, second: 2 ** 21, never: 3 * 2 ** 20 } as const;
export const lastBlock = (sizeGb: number): number => sizeGb * gib - blockLength;

/** Plays the guest: writes into volumes with which nothing else is done at the time, and reads all there is. */
export class Guest {
  readonly #share: string;
  #lastByte = 0;

  constructor(share: string) {
    this.#share = share;
  }

  /** Fills blocks with a byte of their own; answers with what the volume holds then. */
  async write(volumeId: string, content: Content, offsets: readonly number[]): Promise<Content> {
    const { path, format } = await this.#active(volumeId);
    const written = new Map(content);
    for (const offset of offsets) {
      const byte = (this.#lastByte = (this.#lastByte % 255) + 1);
      await writeBlock({ path, format }, offset, byte);
      written.set(offset, byte);
    }
    return written;
  }

  async checkVolume(id: string, content: Content): Promise<readonly Difference[]> {
    return this.#check(`volume ${id}`, content, () => this.#active(id));
  }

  /** A snapshot's data is in the file below the one that `.info` names for it. */
  async checkSnapshot(id: string, volumeId: string, content: Content): Promise<readonly Difference[]> {
    return this.#check(`snapshot ${id}`, content, async () => {
      const info = await this.#info(volumeId);
      const { backing } = await readImageFile(join(this.#share, info?.[id] ?? `no-file-of-${id}`));
      const path = join(this.#share, backing?.split('/').at(-1) ?? 'nothing');
      return { path, format: (await readImageFile(path)).format };
    });
  }

  /** Whether nothing was made of the volume after this snapshot. */
  async isLatest(id: string, volumeId: string): Promise<boolean> {
    const info = await this.#info(volumeId);
    return info?.[id] !== undefined && info[id] === info['active'];
  }

  /** An image by itself, wherever it is. */
  async checkImage(
    subject: string,
    image: { path: string; format: string },
    content: Content,
  ): Promise<readonly Difference[]> {
    return this.#check(subject, content, () => Promise.resolve(image));
  }

  async #check(
    subject: string,
    content: Content,
    find: () => Promise<{ path: string; format: string }>,
  ): Promise<readonly Difference[]> {
    try {
      const { path, format } = await find();
      const expected = [...content, ...(content.has(places.never) ? [] : [[places.never, 0] as const])];
      const reads = expected.flatMap(([offset, byte]) => ['-c', `read -P ${byte} ${offset} ${blockLength}`]);
      const { stdout } = await run('qemu-io', ['-r', '-f', format, ...reads, path]);
      const wrong = stdout.split('\n').filter((line) => line.includes('verification failed'));
      return wrong.map((line) => ({ kind: 'lost', subject, problem: `does not hold what was written: ${line}` }));
    } catch (error) {
      const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
      return [{ kind: 'lost', subject, problem: `cannot be read as it was written: ${messageOf(error)} ${said}` }];
    }
  }

  async #active(volumeId: string): Promise<{ path: string; format: string }> {
    const info = await this.#info(volumeId);
    const path = join(this.#share, info?.['active'] ?? `volume-${volumeId}`);
    return { path, format: (await readImageFile(path)).format };
  }

  async #info(volumeId: string): Promise<Readonly<Record<string, string>> | undefined> {
    try {
      const text = await readFile(join(this.#share, `volume-${volumeId}.info`), 'utf8');
      return JSON.parse(text) as Readonly<Record<string, string>>;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}
