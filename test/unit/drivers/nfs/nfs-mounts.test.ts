import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../../../src/drivers/exec.ts';
import { NfsMounts } from '../../../../src/drivers/nfs/nfs-mounts.ts';
import type { RemoteFsOptions } from '../../../../src/drivers/remotefs/settings.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import { eventually } from '../../../support/poll.ts';
import { makeTempDir, removeDir } from '../../../support/temp-dir.ts';

const share = { location: 'server:/export', options: null };
const [refused, killed] = [
  () => new CommandError(['mount'], 32, 'access denied by server', { outcome: 'failed' }),
  () => new CommandError(['mount'], null, '', { outcome: 'unknown' }),
];

describe('a share that is not mounted', () => {
  let dir: string;
  let mounts: NfsMounts;
  /** Ends of the commands that were asked for. */
  let asked: ((error: Error) => void)[];
  beforeEach(async () => {
    dir = await makeTempDir();
    asked = [];
    const options = { nfsMountPointBase: dir, nasHost: 'server', nasSharePath: '/export', nfsMountAttempts: 1 };
    const given = { ...options, nasMountOptions: null, nfsMountOptions: 'vers=3' } as unknown as RemoteFsOptions;
    mounts = new NfsMounts(given, silentLogger, () => ({ run: () => new Promise((_, reject) => asked.push(reject)) }));
    await mounts.load();
  });
  afterEach(() => removeDir(dir));

  const ensure = (signal = new AbortController().signal): Promise<void> =>
    mounts.ensure(share, { signal, provableUntilMs: () => Number.POSITIVE_INFINITY });

  it('is mounted for all who wait, also when one of them has lost its locks', async () => {
    const first = new AbortController();
    const one = ensure(first.signal);
    await eventually(() => asked.length === 1);
    const another = ensure();
    first.abort(new Error('the locks are lost'));
    await expect(one).rejects.toThrow('the locks are lost');
    expect(asked).toHaveLength(1);
    asked[0]?.(refused());
    await expect(another).rejects.toMatchObject({ exception: 'NfsException', outcome: 'not-started' });
  });

  it('is in doubt, not refused, where its server did not answer mount in time', async () => {
    const waiting = ensure();
    await eventually(() => asked.length === 1);
    asked[0]?.(killed());
    await expect(waiting).rejects.toMatchObject({ exception: 'NfsException', outcome: 'unknown' });
    // The next one tries anew.
    const next = ensure();
    await eventually(() => asked.length === 2);
    asked[1]?.(refused());
    await expect(next).rejects.toThrow('access denied');
  });
});
