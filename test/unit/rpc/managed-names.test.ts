import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManagedNames } from '../../../src/rpc/rabbit/managed-names.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

let folder: string;

beforeEach(async () => {
  folder = await makeTempDir();
});
afterEach(async () => {
  await removeDir(folder);
});

const names = (hostname = 'ctl1', processname = 'cinder-volume-aa'): ManagedNames =>
  new ManagedNames({ hostname, processname, folder });

describe('managed names', () => {
  it('are of the form of oslo.messaging and the same after a restart', () => {
    for (const process of [names(), names()]) {
      expect(process.fanout('cinder-volume')).toBe('cinder-volume_fanout_ctl1:cinder-volume-aa:1');
      expect(process.reply()).toBe('reply_ctl1:cinder-volume-aa:2');
      process.close();
    }
  });

  it('differ between processes of one name on one host, and pass on with the place of one that ended', () => {
    const [first, second] = [names(), names()];
    expect([first.reply(), second.reply()]).toEqual([
      'reply_ctl1:cinder-volume-aa:1',
      'reply_ctl1:cinder-volume-aa:1001',
    ]);
    first.close();
    const heir = names();
    expect(heir.reply()).toBe('reply_ctl1:cinder-volume-aa:1');
    expect(second.reply()).toBe('reply_ctl1:cinder-volume-aa:1002');
    heir.close();
    second.close();
  });

  it('keep a host or process name from outside in the folder', () => {
    const odd = names('../../etc', 'a/b');
    expect(odd.reply()).toBe('reply_../../etc:a/b:1');
    odd.close();
  });

  it('say what hinders them', async () => {
    await writeFile(join(folder, 'file'), '');
    const broken = new ManagedNames({ hostname: 'h', processname: 'p', folder: join(folder, 'file') });
    expect(() => broken.reply()).toThrow(/use_queue_manager: keeps names apart by a lock on .*ENOTDIR/);
  });

  it('end where a process would make names for ever', () => {
    const endless = names();
    expect(() => {
      for (let n = 0; n < 2000; n += 1) endless.reply();
    }).toThrow(/1000 names to one process/);
    endless.close();
  });
});
