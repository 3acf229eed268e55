import { describe, expect, it } from 'vitest';
import { warningText } from '../../../src/config/warning.ts';
import { configOf, nfs } from './helpers.ts';

const warningsOf = (...args: Parameters<typeof configOf>) => configOf(...args).warnings.map(warningText);

describe('warnings', () => {
  it.each([
    ['[DEFAULT]\nreport_intervall = 1', 'did you mean report_interval?'],
    ['[oslo_messaging_rabbit]\nrabbit_quorum_queues = true', 'the name is rabbit_quorum_queue'],
    ['[oslo_messaging_rabbit]\nheartbeat_in_pthread = true', 'removed upstream'],
    ['[backend_defaults]\nnfs_used_ratio = 0.9', 'use reserved_percentage'],
    ['[DEFAULT]\nrabbit_quorum_queue = true', 'is an option of [oslo_messaging_rabbit]'],
    ['[oslo_messaging_rabit]\nssl = true', 'did you mean [oslo_messaging_rabbit]?'],
    ['[default]\ndebug = true', 'did you mean [DEFAULT]?'],
    ['[DEFAULT]\nuse_syslog = true', 'log to standard output'],
    ['[DEFAULT]\nxyzzy = 1', 'is no option that we know'],
  ])('%j: %s', (text, message) => expect(warningsOf(`${text}\n`)).toEqual([expect.stringContaining(message)]));

  it('accept a section of which everything is left unread for a reason, and name the odd option in it', () => {
    const { warnings, notes } = configOf('[oslo_concurrency]\nlock_path = /locks\nlock_pth = /locks\n');
    expect([...notes, ...warnings].map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
      'accepted: [oslo_concurrency] lock_path the locks of this service are those of [coordination]',
      'unknown: [oslo_concurrency] lock_pth is no option that we know',
    ]);
  });

  it('are not given for what the rest of Cinder reads, nor for backends that are not enabled', () => {
    const text =
      '[DEFAULT]\nosapi_volume_workers = 2\nauth_strategy = keystone\nquota_volumes = 5\nbackup_driver = x\nuse_syslog = false\n' +
      `[keystone_authtoken]\nmemcached_servers = x\n[oslo_policy]\n[privsep_osbrick]\n[old]\n${nfs}nfs_mount_attempt = 3\n`;
    const config = configOf(text);
    expect(config.warnings).toEqual([]);
    expect(config.notes.length).toBe(9);
  });

  it('tell that a too short service_down_time is stretched as upstream does', () => {
    const config = configOf('[DEFAULT]\nreport_interval = 25\nservice_down_time = 20\n');
    expect(config.settings.service.serviceDownTimeMs).toBe(62_000);
    expect(config.warnings.map(warningText)).toEqual([expect.stringMatching(/:3: .*62 seconds/)]);
  });

  it('tell what lets members of a cluster get in one another’s way, each by its line', () => {
    const backend = '[nfs]\nvolume_driver = d\nbackend_host = shared\n';
    const start = '[DEFAULT]\nenabled_backends = nfs\n';
    const unsafe = (text: string) =>
      configOf(text)
        .warnings.filter(({ kind }) => kind === 'unsafe')
        .map(({ where, message }) => [where.kind === 'file' ? where.line : where.kind, message.split(':')[0]]);
    expect(unsafe(`${start}cluster = c\n${backend}`)).toEqual([
      [3, 'cluster is set and locks are files below state_path, which other hosts do not see'],
      [6, 'backend_host together with cluster gives all members one services row, so that none is seen to die'],
    ]);
    expect(unsafe(`${start}${backend}`)).toEqual([]);
    const locks = '[coordination]\nbackend_url = file:///shared\n';
    expect(unsafe(`${start}cluster = c\n[nfs]\nvolume_driver = d\n${locks}`)).toEqual([]);
  });
});

describe('locks in memcached', () => {
  const locks = '[DEFAULT]\nCLUSTER\n[coordination]\nbackend_url = memcached://mc\n';

  it('are warned of, refused together with cluster, and taken there where an option says so', () => {
    expect(configOf(locks.replace('CLUSTER', '')).warnings).toMatchObject([{ kind: 'unsafe' }]);
    const inCluster = locks.replace('CLUSTER', 'cluster = c');
    expect(() => configOf(inCluster)).toThrow(/memcached.*allow_memcached_in_cluster/s);
    expect(configOf(`${inCluster}allow_memcached_in_cluster = true\n`).warnings).toMatchObject([{ kind: 'unsafe' }]);
  });
});
