import { describe, expect, it } from 'vitest';
import { CommandError, type Exec } from '../../../src/drivers/exec.ts';
import { QemuImg } from '../../../src/drivers/qemu-img.ts';

const guard = { signal: new AbortController().signal, provableUntilMs: () => Infinity };

/** A qemu-img that fails so often, with this message. */
function failing(times: number, stderr: string): { readonly qemu: QemuImg; readonly runs: () => number } {
  let runs = 0;
  const exec: Exec = {
    run: (argv) => {
      runs += 1;
      if (runs <= times) return Promise.reject(new CommandError(argv, 1, stderr, { outcome: 'failed' }));
      return Promise.resolve({ stdout: '', stderr: '' });
    },
  };
  return { qemu: new QemuImg(exec), runs: () => runs };
}

describe('qemu-img', () => {
  it('is run again where it could not measure its own speed, and not for ever', async () => {
    const image = { path: '/share/volume-x', format: 'qcow2' };
    const often = failing(3, 'qemu-img: /share/volume-x: Unable to get accurate CPU usage');
    await often.qemu.createQcow2(image, 1024, guard);
    expect(often.runs()).toBe(4);
    const always = failing(Infinity, 'qemu-img: /share/volume-x: Unable to get accurate CPU usage');
    await expect(always.qemu.createQcow2(image, 1024, guard)).rejects.toThrow(CommandError);
  });

  it('is not run again for any other failure', async () => {
    const once = failing(1, 'qemu-img: /share/volume-x: No space left on device');
    await expect(once.qemu.createQcow2({ path: '/share/volume-x', format: 'qcow2' }, 1024, guard)).rejects.toThrow();
    expect(once.runs()).toBe(1);
  });
});
