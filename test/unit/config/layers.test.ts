import { describe, expect, it } from 'vitest';
import { machineFacts } from '../../../src/config/load.ts';
import { warningText } from '../../../src/config/warning.ts';
import { configOf, nfs } from './helpers.ts';

describe('where a value comes from', () => {
  it('is the default, then the last file, then the environment, then the flag', () => {
    const texts = ['[DEFAULT]\nreport_interval = 1\n', '[DEFAULT]\nreport_interval = 2\n'];
    const environment = { OS_DEFAULT__REPORT_INTERVAL: '3' };
    const flags = [{ name: 'report_interval', value: '4', flag: '--report-interval' }];
    const interval = (...args: Parameters<typeof configOf>) => configOf(...args).settings.service.reportIntervalMs;
    expect(interval('')).toBe(10_000);
    expect(interval(texts.slice(0, 1))).toBe(1000);
    expect(interval(texts)).toBe(2000);
    expect(interval(texts, { environment })).toBe(3000);
    expect(interval(texts, { environment, flags })).toBe(4000);
  });

  it('of an option of a backend is its section, then [backend_defaults], and never [DEFAULT]', () => {
    const text =
      `[DEFAULT]\nenabled_backends = A,b\nnfs_mount_attempts = 9\n[A]\n${nfs}reserved_percentage = 5\n` +
      `[b]\n${nfs}[backend_defaults]\nreserved_percentage = 7\n`;
    const config = configOf(text, { environment: { OS_B__VOLUME_BACKEND_NAME: 'fast' } });
    expect(config.backends).toEqual(['A', 'b']);
    expect(config.backend('A')).toMatchObject({ reservedPercentage: 5, nfsMountAttempts: 3, volumeBackendName: null });
    expect(config.backend('b')).toMatchObject({ reservedPercentage: 7, volumeBackendName: 'fast' });
    expect(config.warnings.map(warningText)).toEqual([
      expect.stringContaining('/a.conf:3: [DEFAULT] nfs_mount_attempts'),
    ]);
    expect(() => config.backend('c')).toThrow('enabled_backends');
  });

  it('may be the machine', () => {
    const config = configOf('[oslo_messaging_rabbit]\nprocessname = $hostname-x\n');
    expect(config.settings.service).toMatchObject({ host: 'node-7', myIp: '192.0.2.7' });
    expect(config.settings.rabbit.processname).toBe('node-7-x');
    expect(machineFacts().hostname).not.toBe('');
  });

  it('may be a former name: a later file wins by it, in one file the present name does', () => {
    const texts = ['[DEFAULT]\nlog_file = new\nlogfile = old\n', '[DEFAULT]\nlogfile = later\n'];
    expect(configOf(texts.slice(0, 1)).settings.logging.logFile).toBe('new');
    const config = configOf(texts);
    expect(config.settings.logging.logFile).toBe('later');
    expect(config.warnings.map(warningText)).toEqual(['/b.conf:2: [DEFAULT] logfile is now [DEFAULT] log_file']);
  });

  it('is every line of every file where an option may be repeated, else the last line', () => {
    const section = '[oslo_messaging_notifications]\n';
    const config = configOf([
      `${section}driver = log\ndriver = noop\n`,
      `${section}driver = messagingv2\ntopics = a\ntopics = b,c\n`,
    ]);
    expect(config.settings.notifications).toMatchObject({ driver: ['log', 'noop', 'messagingv2'], topics: ['b', 'c'] });
  });

  it('is frozen', () => {
    const { settings } = configOf('');
    expect([settings, ...Object.values(settings)].every(Object.isFrozen)).toBe(true);
  });
});
