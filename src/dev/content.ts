import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, messageOf } from '../kernel/errors.ts';
import { blockLength, writeBlock } from '../check/guest-block.ts';
import type { Difference } from '../check/verify.ts';

/** Where a guest wrote: before the volume's first snapshot, and after it. */
const offsets = { first: 2 ** 20, second: 2 * 2 ** 20 } as const;
type Place = keyof typeof offsets;
/** The byte that fills each place; 0: never written. */
export type Content = Readonly<Record<Place, number>>;

/**
 * Plays the guest: writes blocks into volumes, remembers what each volume and each copy must hold, and looks whether
 * they do. Volumes are raw files; the newest file of one with snapshots is qcow2 and is written with qemu-io.
 */
export class Contents {
  readonly #folder: string;
  readonly #expected = new Map<string, Content>();
  #lastByte = 0;

  /** @param folder the share, where every volume lies */
  constructor(folder: string) {
    this.#folder = folder;
  }

  of(volumeId: string): Content {
    return this.#expected.get(volumeId) ?? { first: 0, second: 0 };
  }

  expect(volumeId: string, content: Content): void {
    this.#expected.set(volumeId, content);
  }

  forget(volumeId: string): void {
    this.#expected.delete(volumeId);
  }

  /** Only while nothing else is done with the volume. */
  async write(volumeId: string, place: Place): Promise<void> {
    const byte = (this.#lastByte = (this.#lastByte % 255) + 1);
    const path = await this.#activePath(volumeId);
    const format = path.endsWith(volumeId) ? 'raw' : 'qcow2';
    await writeBlock({ path, format }, offsets[place], byte);
    this.#expected.set(volumeId, { ...this.of(volumeId), [place]: byte });
  }

  /** Only when no snapshot stands between what was written and the volume's base file. */
  async check(): Promise<readonly Difference[]> {
    const found: Difference[] = [];
    for (const [id, content] of this.#expected) found.push(...(await this.#checkOne(id, content)));
    return found;
  }

  async #checkOne(id: string, content: Content): Promise<readonly Difference[]> {
    const lost = (problem: string): Difference => ({ kind: 'lost', subject: `volume ${id}`, problem });
    try {
      const file = await open(join(this.#folder, `volume-${id}`), 'r');
      try {
        const wrong: Difference[] = [];
        for (const place of ['first', 'second'] as const) {
          const block = Buffer.alloc(blockLength);
          await file.read(block, 0, blockLength, offsets[place]);
          if (!block.equals(Buffer.alloc(blockLength, content[place]))) {
            wrong.push(lost(`does not hold what was written at ${offsets[place]}: ${content[place]}`));
          }
        }
        return wrong;
      } finally {
        await file.close();
      }
    } catch (error) {
      return [lost(`cannot be read: ${messageOf(error)}`)];
    }
  }

  async #activePath(volumeId: string): Promise<string> {
    const base = join(this.#folder, `volume-${volumeId}`);
    try {
      const { active } = JSON.parse(await readFile(`${base}.info`, 'utf8')) as { readonly active: string };
      return join(this.#folder, active);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return base;
      throw error;
    }
  }
}
