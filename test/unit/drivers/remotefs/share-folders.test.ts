import { describe, expect, it } from 'vitest';
import type { Mounts } from '../../../../src/drivers/remotefs/mounts.ts';
import { ShareFolders } from '../../../../src/drivers/remotefs/share-folders.ts';
import { unlocked } from '../../../../src/drivers/exec.ts';
import type { ShareClient } from '../../../../src/drivers/share/share-client.ts';

describe('the folder for unfinished files', () => {
  it('is made anew where somebody has removed it, without a restart, and not looked for at every operation', async () => {
    const calls: string[] = [];
    const share = { call: (verb: string) => Promise.resolve(void calls.push(verb)) } as unknown as ShareClient;
    const mounts = {
      shares: () => [],
      ensure: () => Promise.resolve(),
      folderOf: (location: string) => `/mnt/${location}`,
    } as unknown as Mounts;
    let nowMs = 0;
    const folders = new ShareFolders(mounts, share, { nowMs: () => nowMs }, () => 0o660);
    expect(await folders.ready('a', unlocked)).toBe('/mnt/a');
    await folders.ready('a', unlocked);
    expect(calls).toEqual(['ensureTempFolder']);
    nowMs = 10_000;
    await folders.ready('a', unlocked);
    expect(calls).toHaveLength(2);
  });
});
