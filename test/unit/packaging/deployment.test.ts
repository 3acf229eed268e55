import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serviceOptions } from '../../../src/config/options/service.ts';
import { mountCommands } from '../../../src/drivers/nfs/mount-command.ts';
import { mountPointName } from '../../../src/drivers/remotefs/shares.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the sudoers file', () => {
  const rule = /^cinder ALL=\(root\) NOPASSWD: (\S+) (\^.*\$)$/m.exec(read('etc/sudoers.d/cinder-volume-aa'));
  const allowed = new RegExp(rule?.[2] ?? 'no rule', 'u');
  /** As sudo compares it: the arguments, joined by blanks. */
  const mayRun = (...argv: readonly string[]): boolean =>
    allowed.test(['--pdeathsig', 'KILL', '--', ...argv].join(' '));
  const folderOf = (location: string): string => `/var/lib/cinder/mnt/${mountPointName(location)}`;

  it('lets the service mount its shares, with all options that there may be', () => {
    expect(rule?.[1]).toBe('/usr/bin/setpriv');
    for (const options of [null, '-o vers=4.2,nconnect=8', '-o ro -o hard']) {
      const share = { location: '192.0.2.1:/export/cinder', options };
      for (const common of [null, 'lookupcache=pos']) {
        for (const argv of mountCommands(share, folderOf(share.location), common)) expect(mayRun(...argv)).toBe(true);
      }
    }
  });

  it('lets it do nothing else', () => {
    const folder = folderOf('h:/x');
    expect(mayRun('mount', '-t', 'nfs', 'h:/x', '/etc')).toBe(false);
    expect(mayRun('mount', '-t', 'nfs', 'h:/x', `${folder}/../../../../etc`)).toBe(false);
    expect(mayRun('mount', '-t', 'tmpfs', 'h:/x', folder)).toBe(false);
    // mount(8) goes by the last type: a file of one's own, with a colon in its name, would be mounted with its setuid programs.
    expect(mayRun('mount', '-t', 'nfs', '-t', 'ext4', '-o', 'loop', '/tmp/a:b', folder)).toBe(false);
    expect(mayRun('mount', '-t', 'nfs', '--types', 'ext4', '/tmp/a:b', folder)).toBe(false);
    expect(mayRun('mount', '-t', 'nfs', '-text4:', folder)).toBe(false);
    expect(mayRun('mount', '-t', 'nfs', '-N', '/proc/1/ns/mnt', 'h:/x', folder)).toBe(false);
    expect(mayRun('mount', '--bind', '/etc', folder)).toBe(false);
    expect(mayRun('sh', '-c', 'mount', '-t', 'nfs', 'h:/x', folder)).toBe(false);
  });

  it('is one that sudo takes', () => {
    const { stderr, error } = spawnSync('visudo', ['-c', '-f', join(root, 'etc/sudoers.d/cinder-volume-aa')]);
    // A machine without sudo cannot say; the integration tests install it.
    if (error === undefined) expect(stderr.toString()).toBe('');
  });
});

describe('the systemd unit', () => {
  const unit = read('etc/systemd/cinder-volume-aa.service');
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

  it('gives the service more time to drain than it takes by default', () => {
    const { default: seconds } = serviceOptions.options.gracefulShutdownTimeoutMs;
    expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(Number(seconds) + 10);
  });

  it('starts the program by a path that probes recognise, and does not forbid sudo', () => {
    expect(value('ExecStart')).toMatch(/^\/\S*cinder-volume\S* --config-file /);
    expect(unit).not.toMatch(/^NoNewPrivileges=(yes|true|on|1)/m);
  });

  it('mounts shares for the whole machine, where commands and its own next start find them', () => {
    // What systemd.exec(5) lists at PrivateMounts=, and its like: each stops mounts from reaching the host.
    const apart =
      /^(Private(Mounts|Tmp|Devices|Users|IPC)|Protect\w+|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec)Paths|TemporaryFileSystem|Bind(ReadOnly)?Paths|Root(Directory|Image)|MountImages|DynamicUser|MountFlags|MountAPIVFS)=/m;
    expect(apart.exec(unit)?.[0]).toBe(undefined);
  });
});

it('docker compose waits longer for a replica than it drains by default', () => {
  const { default: seconds } = serviceOptions.options.gracefulShutdownTimeoutMs;
  const grace = /stop_grace_period: (\d+)s/.exec(read('docker-compose.yml'))?.[1];
  expect(Number(grace)).toBeGreaterThan(Number(seconds) + 10);
});
