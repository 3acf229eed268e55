import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../../src/drivers/exec.ts';
import { freeLeaks } from '../../../../src/drivers/remotefs/free-leaks.ts';
import type { RemoteFsParts } from '../../../../src/drivers/remotefs/parts.ts';
import type { Image } from '../../../../src/drivers/remotefs/volume-chain.ts';
import type { VolumeFolder } from '../../../../src/drivers/remotefs/volume-folder.ts';

const image = { name: 'volume-1.2', format: 'qcow2' } as Image;

/** How it ends where qemu-img ends so, and what was done meanwhile. */
async function freeing(error: Error | undefined, { isContinued = true, of = image } = {}): Promise<readonly string[]> {
  const done: string[] = [];
  const work = {
    ...{ isContinued, commitPoint: (name: string) => Promise.resolve(void done.push(name)) },
    log: { warn: (_: object, message: string) => void done.push(message) },
  };
  const folder = {
    ...{ work, volume: { id: '1' }, open: () => Promise.resolve({}) },
    whileBusy: (command: () => Promise<void>) => command(),
  } as unknown as VolumeFolder;
  const check = () => (error === undefined ? Promise.resolve(void done.push('check')) : Promise.reject(error));
  await freeLeaks({ qemu: { freeLeaks: check } } as unknown as RemoteFsParts, folder, [of]);
  return done;
}

const ended = (outcome: 'failed' | 'unknown'): CommandError =>
  new CommandError(['qemu-img'], outcome === 'failed' ? 2 : null, 'of the image', { outcome });

describe('clusters that nothing uses', () => {
  it('are given back at a commit point', async () => {
    await expect(freeing(undefined)).resolves.toEqual(['image-leaks', 'check']);
  });

  it('are looked for neither by a first owner nor in a raw file', async () => {
    await expect(freeing(undefined, { isContinued: false })).resolves.toEqual([]);
    await expect(freeing(undefined, { of: { ...image, format: 'raw' } })).resolves.toEqual([]);
  });

  it('stay where qemu-img says that the image is damaged: the work goes on without it', async () => {
    const [point, said] = await freeing(ended('failed'));
    expect([point, said]).toEqual(['image-leaks', expect.stringContaining('stay reserved')]);
  });

  it("are somebody else's to look for where the command was ended", async () => {
    await expect(freeing(ended('unknown'))).rejects.toMatchObject({ outcome: 'unknown' });
  });
});
