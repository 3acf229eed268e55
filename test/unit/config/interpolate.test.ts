import { describe, expect, it } from 'vitest';
import { configOf, faultsOf, nfs } from './helpers.ts';

describe('references', () => {
  const conversionDir = (value: string, rest = '') =>
    configOf(`[DEFAULT]\nstate_path = /s\nimage_conversion_dir = ${value}\n${rest}`).settings.images.imageConversionDir;

  it.each([
    ['$state_path/x', '/s/x'],
    ['${state_path}x', '/sx'],
    ['$$state_path \\$x $5 $', '$state_path $x $5 $'],
    ['${coordination.backend_url}', 'file:///s'],
    ['$my_ip', '192.0.2.7'],
    ['a$cluster', 'a'],
    ['${state_path', '${state_path'],
  ])('%s is %s', (value, expected) => expect(conversionDir(value)).toBe(expected));

  it('reach options that only upstream knows, if a file sets them', () => {
    expect(conversionDir('$backup_mount_point_base/x', 'backup_mount_point_base = /b\n')).toBe('/b/x');
  });

  it('of a backend look into its own section first', () => {
    const text = `[DEFAULT]\nenabled_backends = n\nstate_path = /s\n[n]\n${nfs}volume_backend_name = fast\nnfs_shares_config = $state_path/$volume_backend_name\n`;
    expect(configOf(text).backend('n')).toMatchObject({ nfsSharesConfig: '/s/fast', nfsMountPointBase: '/s/mnt' });
  });

  it('to nothing, and in a circle, are faults', () => {
    expect(faultsOf('[DEFAULT]\nlog_file = $nosuch\n')).toEqual([
      expect.stringMatching(/^\/a\.conf:2: .*\$nosuch.*\$\$/),
    ]);
    expect(faultsOf('[DEFAULT]\nlog_file = $log_dir\nlog_dir = $log_file\n')).toHaveLength(2);
  });

  it('in a password are told about without a part of it', () => {
    const faults = faultsOf('[DEFAULT]\ntransport_url = rabbit://u:pa$sword@h/\n');
    expect(faults).toEqual([expect.stringContaining('write $$')]);
    expect(faults.join()).not.toMatch(/pa\$|sword/);
  });
});
