import { expect, it } from 'vitest';
import { mountCommands } from '../../../../src/drivers/nfs/mount-command.ts';

const share = { location: 'host:/a', options: null };

it('tries NFS 4.1 first, then what the client negotiates', () => {
  expect(mountCommands(share, '/mnt/x', null)).toEqual([
    ['mount', '-t', 'nfs', '-o', 'vers=4,minorversion=1', 'host:/a', '/mnt/x'],
    ['mount', '-t', 'nfs', 'host:/a', '/mnt/x'],
  ]);
  expect(mountCommands(share, '/mnt/x', 'soft')[0]).toContain('soft,vers=4,minorversion=1');
});

it.each(['vers=3', 'nfsvers=4.2', 'soft,vers=4', 'v3'])('keeps to a version that was asked for: %s', (options) => {
  expect(mountCommands(share, '/mnt/x', options)).toEqual([['mount', '-t', 'nfs', '-o', options, 'host:/a', '/mnt/x']]);
});

it('passes a share’s own options as they stand', () => {
  const own = { location: 'host:/a', options: '-o vers=3' };
  expect(mountCommands(own, '/m', null)).toHaveLength(1);
  expect(mountCommands(own, '/m', 'soft')[0]).toEqual([
    'mount',
    '-t',
    'nfs',
    '-o',
    'soft',
    '-o',
    'vers=3',
    'host:/a',
    '/m',
  ]);
});
