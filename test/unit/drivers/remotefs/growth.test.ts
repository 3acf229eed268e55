import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../../src/drivers/exec.ts';
import { grow } from '../../../../src/drivers/remotefs/extend-volume.ts';
import type { RemoteFsParts } from '../../../../src/drivers/remotefs/parts.ts';
import type { VolumeFolder } from '../../../../src/drivers/remotefs/volume-folder.ts';
import { ShareError } from '../../../../src/drivers/share/share-error.ts';

/** How it ends where qemu-img ends so, and the file has so many bytes then. */
function growing(resize: Error | null, found: number | Error): Promise<void> {
  const outcome = <T>(value: T | Error): Promise<T> =>
    value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  const folder = {
    work: { commitPoint: () => Promise.resolve() },
    whileBusy: (command: () => Promise<void>) => command(),
    inspect: () => outcome(found instanceof Error ? found : { bytes: found }),
  } as unknown as VolumeFolder;
  const parts = { qemu: { resize: () => outcome(resize ?? undefined) } } as unknown as RemoteFsParts;
  return grow(parts, folder, { path: '/v', format: 'raw' }, { name: 'v', format: 'raw' }, 200);
}

const refusal = new CommandError(['qemu-img'], 1, 'Input/output error', { outcome: 'failed' });
const killed = new CommandError(['qemu-img'], null, '', { outcome: 'unknown' });
const closed = new ShareError('inspect', { code: 'EACCES', message: 'permission denied', outcome: 'failed' });

describe('a file that is lengthened', () => {
  it('has grown where it has its new size, though qemu-img said no at its end', async () => {
    await expect(growing(null, 200)).resolves.toBeUndefined();
    await expect(growing(refusal, 200)).resolves.toBeUndefined();
  });

  it('has not grown where qemu-img said no and it is as it was', async () => {
    await expect(growing(refusal, 100)).rejects.toBe(refusal);
  });

  it.each([
    ['it cannot be looked at', null, closed],
    ['qemu-img said no and it cannot be looked at', refusal, closed],
    ['qemu-img is done and it is as it was', null, 100],
    ['qemu-img was killed', killed, 100],
  ])('is in doubt where %s', async (_, resize, found) => {
    await expect(growing(resize, found)).rejects.toMatchObject({ outcome: 'unknown' });
  });
});
