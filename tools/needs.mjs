// What the tests need besides Node: which programs, from which Debian package, and their installation.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @typedef {{ what: string, packages: string[], tests: string, present: () => boolean }} Need */

const qemuImg = program('qemu-img', 'qemu-utils', 'everything that makes, copies or chains image files');
const setpriv = program('setpriv', 'util-linux', 'every server that a test starts');

/** @type {readonly Need[]} */
export const needs = [
  qemuImg,
  program('redis-server', 'redis-server', 'locks in Redis'),
  program('etcd', 'etcd-server', 'locks in etcd'),
  program('mariadbd', 'mariadb-server', 'a database or locks in MariaDB'),
  program('memcached', 'memcached', 'locks in memcached'),
  program('java', 'default-jre-headless', 'locks in ZooKeeper'),
  {
    what: 'ZooKeeper (zookeeper.jar, slf4j-simple.jar)',
    packages: ['libzookeeper-java', 'libslf4j-java'],
    tests: 'locks in ZooKeeper',
    present: () => ['zookeeper.jar', 'slf4j-simple.jar'].every((jar) => existsSync(join('/usr/share/java', jar))),
  },
  {
    what: 'RabbitMQ (rabbitmq-server, epmd)',
    packages: ['rabbitmq-server'],
    tests: 'RPC over RabbitMQ',
    present: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server') && find('epmd') !== undefined,
  },
  {
    what: 'Python 3 with Tooz and its drivers',
    packages: [
      'python3-tooz',
      'python3-kazoo',
      'python3-redis',
      'python3-fasteners',
      'python3-etcd3gw',
      'python3-pymysql',
    ],
    tests: 'locks shared with Python services',
    present: () => hasPythonPackages('tooz', 'kazoo', 'redis', 'fasteners', 'etcd3gw', 'pymysql', 'pymemcache'),
  },
  {
    what: "Cinder's Python code",
    packages: ['python3-cinder', 'python3-psycopg2'],
    tests: "what Cinder's own code makes of our messages, and we of its",
    present: () => hasPythonPackages('cinder', 'oslo_messaging', 'psycopg2'),
  },
  program('openssl', 'openssl', 'everything by TLS'),
  setpriv,
  program('sudo', 'sudo', 'the share helper of a replica that is not root'),
];

/** What the tests on real NFS clients need (tools/test-nfs.mjs), the guests' kernel apart. @type {readonly Need[]} */
export const nfsNeeds = [
  qemuImg,
  setpriv,
  program('qemu-system-x86_64', 'qemu-system-x86', 'the NFS clients'),
  program('busybox', 'busybox-static', 'the NFS clients'),
  {
    what: 'NFS-Ganesha with its FSAL for local file systems (ganesha.nfsd, libfsalvfs.so)',
    packages: ['nfs-ganesha', 'nfs-ganesha-vfs'],
    tests: 'the NFS server',
    present: () => find('ganesha.nfsd') !== undefined && existsSync('/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so'),
  },
  {
    what: 'FUSE for Python (fusepy)',
    packages: ['python3-fusepy'],
    tests: 'a share whose calls fail',
    present: () => hasPythonPackages('fusepy'),
  },
];

/** Those that this machine lacks. */
export const missing = (list = needs) => list.filter((need) => !need.present());

/** The Debian packages of these needs, once each. */
export const packagesOf = (list) => [...new Set(list.flatMap((need) => need.packages))];

/** Installs what is missing, if it may, and names what is missing still: nothing, or what to do about it. */
export function provide(list, mayInstall) {
  let lacking = missing(list);
  if (lacking.length > 0 && mayInstall && cannotInstall() === undefined) {
    console.log(`installing ${packagesOf(lacking).join(' ')} (no service of theirs is started)`);
    install(packagesOf(lacking));
    lacking = missing(list);
  }
  if (lacking.length === 0) return undefined;
  for (const need of lacking) console.error(`missing: ${need.what}, for the tests of ${need.tests}`);
  const why = mayInstall ? `They were not installed: ${cannotInstall() ?? 'apt did not provide them'}.\n` : '';
  return `${why}Run, as root:\n  apt-get install -y --no-install-recommends ${packagesOf(lacking).join(' ')}`;
}

/** Why packages cannot be installed here by us, or undefined. */
export function cannotInstall() {
  if (!isDebian()) return 'this is neither Debian nor Ubuntu';
  return process.getuid() === 0 ? undefined : 'only root can install packages';
}

/**
 * Installs Debian packages without starting any service of theirs: while it runs, a policy-rc.d forbids that.
 * What stood in the policy's place before is put back, also after a failure.
 */
export function install(packages) {
  const restore = forbidServices();
  try {
    apt('update', '-q');
    apt('install', '-y', '-q', '--no-install-recommends', ...packages);
  } finally {
    restore();
  }
}

const policy = '/usr/sbin/policy-rc.d';

function forbidServices() {
  const aside = `${policy}.cinder-volume-aa`;
  // Already aside: an earlier run was killed, and the file in its place is ours.
  if (existsSync(policy) && !existsSync(aside)) renameSync(policy, aside);
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const restore = () => {
    rmSync(policy, { force: true });
    if (existsSync(aside)) renameSync(aside, policy);
  };
  const onSignal = (signal) => {
    restore();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  return () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    restore();
  };
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, error } = spawnSync('apt-get', args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function isDebian() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && find('apt-get') !== undefined;
}

function program(what, debianPackage, tests) {
  return { what, packages: [debianPackage], tests, present: () => find(what) !== undefined };
}

/** The path of an executable, or undefined. */
function find(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Looked for, not imported: Cinder takes seconds to import. */
function hasPythonPackages(...names) {
  const look = 'import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))';
  return succeeds('/usr/bin/python3', ['-c', look, ...names]);
}

const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
