import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, faultText } from '../../../src/config/fault.ts';
import { loadConfig, machineFacts } from '../../../src/config/load.ts';
import { planReload } from '../../../src/config/reload.ts';
import { secretValues } from '../../../src/config/secrets.ts';
import { warningText } from '../../../src/config/warning.ts';
import { configOf, facts } from './helpers.ts';

function faultsOf(...args: Parameters<typeof configOf>): string[] {
  try {
    configOf(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(faultText);
    throw error;
  }
  return [];
}

const warningsOf = (...args: Parameters<typeof configOf>) => configOf(...args).warnings.map(warningText);
const nfs = 'volume_driver = cinder.volume.drivers.nfs.NfsDriver\n';

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

describe('faults', () => {
  it('are all reported at once, each with file and line, and with the fix', () => {
    const text =
      '[DEFAULT]\nhost = a@b\nreport_interval = ten\nenabled_backends = x,x\nword\n' +
      'volume_name_template = vol\n[database]\nmax_pool_size = -5\n[health]\nport = 70000\n[broken\n';
    const faults = faultsOf(text, { environment: { OS_DEFAULT__DEBUG: 'maybe' } });
    expect(faults.map((fault) => fault.split(': ')[0]).toSorted()).toEqual([
      '/a.conf:10',
      '/a.conf:11',
      '/a.conf:2',
      '/a.conf:3',
      '/a.conf:4',
      '/a.conf:4',
      '/a.conf:5',
      '/a.conf:6',
      '/a.conf:8',
      'environment OS_DEFAULT__DEBUG',
    ]);
    expect(faults.join('\n')).toMatch(/report_interval = ten: must be a whole number, 1 or more/);
  });

  it('name a backend without a section or a driver', () => {
    expect(faultsOf('[DEFAULT]\nenabled_backends = a, b\n[b]\n')).toEqual([
      expect.stringMatching(/:2: .*no section \[a\]/),
      expect.stringMatching(/:2: \[b\] has no volume_driver/),
    ]);
  });

  it('of [backend_defaults] are told once, however many backends there are', () => {
    const text = `[DEFAULT]\nenabled_backends = a,b\n[a]\n${nfs}[b]\n${nfs}[backend_defaults]\nnfs_qcow2_volumes = x\n`;
    expect(faultsOf(text)).toHaveLength(1);
  });

  it.each([
    ['rabbit_quorum_queue = true\nrabbit_ha_queues = true', 'exclude one another'],
    ['rabbit_stream_fanout = true', 'needs rabbit_transient_quorum_queue'],
  ])('of options that do not go together: %s', (lines, problem) => {
    expect(faultsOf(`[oslo_messaging_rabbit]\n${lines}\n`)).toEqual([expect.stringContaining(problem)]);
  });

  it('never show a secret', () => {
    expect(faultsOf('[DEFAULT]\ntransport_url = ${nosuch}hunter2\n').join()).not.toContain('hunter2');
  });
});

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

describe('planReload', () => {
  const before = configOf('[DEFAULT]\ndebug = false\nhost = a\n');

  it('takes over what may change and tells what needs a restart', () => {
    const { config, changed, needRestart } = planReload(before, configOf('[DEFAULT]\ndebug = true\nhost = b\n'));
    expect(changed).toEqual([{ group: 'DEFAULT', name: 'debug' }]);
    expect(needRestart).toEqual([{ group: 'DEFAULT', name: 'host' }]);
    expect([config.settings.logging.debug, config.settings.service.host]).toEqual([true, 'a']);
  });

  it('goes on from the running values, so that a second reload tells the same', () => {
    const next = configOf('[DEFAULT]\ndebug = true\nhost = b\n');
    const { config } = planReload(before, next);
    expect(planReload(config, next)).toMatchObject({ changed: [], needRestart: [{ name: 'host' }] });
    expect(planReload(config, before)).toMatchObject({ changed: [{ name: 'debug' }], needRestart: [] });
  });

  it('sees a backend that came or went', () => {
    const text = `[DEFAULT]\nhost = a\nenabled_backends = n\n[n]\n${nfs}`;
    const { needRestart } = planReload(before, configOf(text));
    expect(needRestart).toContainEqual({ group: 'DEFAULT', name: 'enabled_backends' });
  });
});

describe('loadConfig', () => {
  let home: string;
  beforeEach(async () => (home = await mkdtemp(join(tmpdir(), 'conf-'))));
  afterEach(() => rm(home, { recursive: true }));

  const put = async (path: string, text: string): Promise<string> => {
    const file = join(home, path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, text);
    return file;
  };
  const load = (given: readonly { kind: 'file' | 'dir'; path: string }[]) =>
    loadConfig({ given, environment: {}, facts, folders: [join(home, 'one'), join(home, 'two')] });

  it('reads files and folders in the order given, a folder sorted by name', async () => {
    const main = await put('main.conf', '[DEFAULT]\nhost = main\ncluster = c\nmy_ip = 1\n');
    await put('d/20.conf', '[DEFAULT]\nhost = d20\n');
    await put('d/10.conf', '[DEFAULT]\nhost = d10\nmy_ip = 2\n');
    await put('d/30.conf~', 'not read');
    await put('d/.hidden.conf', 'not read');
    const config = await load([
      { kind: 'file', path: main },
      { kind: 'dir', path: join(home, 'd') },
    ]);
    expect(config.settings.service).toMatchObject({ host: 'd20', cluster: 'c', myIp: '2' });
    expect(config.files.map((file) => file.slice(home.length))).toEqual(['/main.conf', '/d/10.conf', '/d/20.conf']);
  });

  it('without any given looks where oslo.config looks, and says so if there is nothing', async () => {
    expect((await load([])).files).toEqual([]);
    await put('two/cinder.conf', '[DEFAULT]\nhost = two\n');
    await put('two/cinder-volume.conf', '[DEFAULT]\ncluster = c\n');
    await put('one/cinder.conf.d/a.conf', '[DEFAULT]\nhost = d\n');
    expect((await load([])).settings.service).toMatchObject({ host: 'd', cluster: 'c' });
    await put('one/cinder.conf', '[DEFAULT]\nmy_ip = 1\n');
    expect((await load([])).files.map((file) => file.slice(home.length))).toEqual([
      '/one/cinder.conf',
      '/two/cinder-volume.conf',
      '/one/cinder.conf.d/a.conf',
    ]);
  });

  it('counts a given file above the folders found', async () => {
    await put('one/cinder.conf', '[DEFAULT]\nhost = not read\n');
    await put('one/cinder.conf.d/a.conf', '[DEFAULT]\nhost = found\nmy_ip = 3\n');
    const main = await put('main.conf', '[DEFAULT]\nhost = given\n');
    expect((await load([{ kind: 'file', path: main }])).settings.service).toMatchObject({ host: 'given', myIp: '3' });
  });

  it('reports what cannot be read together with all else', async () => {
    const latin = await put('latin.conf', '');
    await writeFile(latin, Buffer.from([0x5b, 0xe4, 0x5d]));
    const bad = await put('bad.conf', '[DEFAULT]\ndebug = perhaps\n');
    const given = [join(home, 'no.conf'), latin, bad].map((path) => ({ kind: 'file' as const, path }));
    const error: unknown = await load([...given, { kind: 'dir', path: join(home, 'no.d') }]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    for (const part of ['no.conf', 'latin.conf: is not UTF-8', 'bad.conf:2', 'no.d'])
      expect(String(error)).toContain(part);
  });

  it.skipIf(process.getuid?.() === 0)('tells of a file that it may not read', async () => {
    const file = await put('locked.conf', '');
    await chmod(file, 0);
    await expect(load([{ kind: 'file', path: file }])).rejects.toThrow('service user');
  });
});

it('secretValues are the texts of secret options, references put in', () => {
  const config = configOf('[DEFAULT]\ntransport_url = rabbit://u:p$$w@$my_ip/\n');
  expect(secretValues(config)).toContain('rabbit://u:p$w@192.0.2.7/');
});
