import { describe, expect, it } from 'vitest';
import { leaseMsIn } from '../../../src/coordination/drivers/nfs-lease.ts';

const mount = (folder: string, kind: string, nfsv4 = ''): string =>
  [`device 10.0.2.2:/share mounted on ${folder} with fstype ${kind} statvers=1.1`, '\topts:\trw,hard', nfsv4]
    .filter((line) => line !== '')
    .join('\n');
const lease = (seconds: number): string => `\tnfsv4:\tbm0=0xfdffafff,sessions,lease_time=${seconds},lease_expired=0`;
const stats = [
  'device rootfs mounted on / with fstype rootfs',
  mount('/srv/locks', 'nfs4', lease(90)),
  mount('/srv/locks/inner', 'nfs4', lease(10)),
  mount('/srv/old', 'nfs'),
  'device tmpfs mounted on /srv/locks/inner/tmp with fstype tmpfs',
  mount('/srv/twice', 'nfs4', lease(30)),
  mount('/srv/twice', 'nfs4', lease(20)),
].join('\n');

describe('the lease of an NFS server', () => {
  it('is that of the nearest mount above the folder', () => {
    expect(leaseMsIn(stats, '/srv/locks')).toBe(90_000);
    expect(leaseMsIn(stats, '/srv/locks/deep/er')).toBe(90_000);
    expect(leaseMsIn(stats, '/srv/locks/inner/x')).toBe(10_000);
    expect(leaseMsIn(stats, '/srv/twice')).toBe(20_000);
  });

  it('is unknown where there is none', () => {
    for (const folder of ['/srv/old/x', '/srv/locksmith', '/srv/locks/inner/tmp', '/', '/home']) {
      expect(leaseMsIn(stats, folder)).toBeUndefined();
    }
  });
});
