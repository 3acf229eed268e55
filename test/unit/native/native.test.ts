import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BootClock } from '../../../src/native/boot-clock.ts';
import { ofdLockOwner, ofdUnlock, tryOfdLock, tryOfdLockInPool } from '../../../src/native/ofd-lock.ts';
import { withTempDir } from '../../support/temp-dir.ts';

describe('the boot clock', () => {
  it('agrees with the kernel’s uptime and goes on', () => {
    const clock = new BootClock();
    const first = clock.nowMs();
    const uptimeMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    expect(Math.abs(first - uptimeMs)).toBeLessThan(1000);
    expect(clock.nowMs()).toBeGreaterThan(first);
  });
});

describe('an open file’s lock', () => {
  it('excludes another open file, also of this process, until it is given back', () =>
    withTempDir(async (dir) => {
      const file = path.join(dir, 'f');
      const [first, second] = [openSync(file, 'w'), openSync(file, 'w')];
      expect(tryOfdLock(first)).toBe(true);
      expect(tryOfdLock(second)).toBe(false);
      await expect(tryOfdLockInPool(second)).resolves.toBe(false);
      await expect(ofdLockOwner(second)).resolves.toEqual({ pid: -1 });
      ofdUnlock(first);
      await expect(ofdLockOwner(second)).resolves.toBeUndefined();
      await expect(tryOfdLockInPool(second)).resolves.toBe(true);
      closeSync(first);
      closeSync(second);
    }));

  it('survives that the file is opened and closed elsewhere in the process', () =>
    withTempDir(async (dir) => {
      const file = path.join(dir, 'f');
      const handle = await open(file, 'w');
      tryOfdLock(handle.fd);
      writeFileSync(file, 'x');
      const other = openSync(file, 'w');
      expect(tryOfdLock(other)).toBe(false);
      closeSync(other);
      await handle.close();
    }));

  it('is not handed to children', () =>
    withTempDir(async (dir) => {
      const handle = await open(path.join(dir, 'f'), 'w');
      const open_ = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
      expect(open_).not.toContain(dir);
      await handle.close();
    }));

  it('says which errno it met', () => {
    expect(() => tryOfdLock(9999)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});
