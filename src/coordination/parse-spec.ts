import path from 'node:path';
import { InvalidInputError } from '../kernel/errors.ts';
import type {
  BackendSpec,
  EtcdSpec,
  FileSpec,
  HostPort,
  MemcachedSpec,
  MysqlSpec,
  ReconnectSpec,
  RedisKeyForm,
  RedisSpec,
  TlsFiles,
  ZookeeperSpec,
} from './backend-spec.ts';
import { field, parseHostPort, parseToozUrl, type ToozUrl, type UrlOptions } from './tooz-url.ts';

/** What a backend needs besides its URL. */
export interface SpecSettings {
  /** `cinder-<uuid>`: what peers and operators see as a lock's owner. */
  readonly memberId: string;
  /** The longest time between two renewals. */
  readonly heartbeatMs: number;
  readonly reconnect: ReconnectSpec;
  /** How long a lock outlives its owner; the URL's own options and Tooz's defaults otherwise. */
  readonly lockTtlMs?: number;
  readonly redisKeyForm: RedisKeyForm;
}

/** Tooz's default for everything but ZooKeeper, and kazoo's. */
const defaultTtlMs = 30_000;
const defaultSessionMs = 10_000;

const schemes: Readonly<Record<string, (url: ToozUrl, settings: SpecSettings) => BackendSpec>> = {
  memory: () => ({ kind: 'memory' }),
  file: fileSpec,
  zookeeper: zookeeperSpec,
  kazoo: zookeeperSpec,
  redis: redisSpec,
  rediss: redisSpec,
  'etcd3+http': etcdSpec,
  'etcd3+https': etcdSpec,
  mysql: mysqlSpec,
  memcached: memcachedSpec,
};

/** A Tooz URL as plain data; throws `InvalidInputError` that names the option and what would be right. */
export function parseBackendSpec(text: string, settings: SpecSettings): BackendSpec {
  const url = parseToozUrl(text);
  const parse = schemes[url.scheme];
  if (parse === undefined) {
    const known = Object.keys(schemes).map((scheme) => `${scheme}://`);
    throw new InvalidInputError(field, `${url.scheme}:// is not known; there are ${known.join(', ')}`);
  }
  const spec = parse(url, settings);
  url.options.finish();
  return spec;
}

function fileSpec({ hosts, path: directory, options }: ToozUrl, settings: SpecSettings): FileSpec {
  if (hosts !== '') throw new InvalidInputError(field, 'file:// takes a path and no host: three slashes');
  if (directory === '' || directory === '/') throw new InvalidInputError(field, 'file:// needs a folder');
  // Tooz: how long a group's member lives; locks have no use for it.
  options.ignore('timeout');
  const ttlMs = settings.lockTtlMs ?? defaultTtlMs;
  return { kind: 'file', directory: path.resolve(directory), ttlMs, timeoutMs: Math.min(ttlMs, 10_000) };
}

function zookeeperSpec(url: ToozUrl, settings: SpecSettings): ZookeeperSpec {
  const { options } = url;
  const sessionTimeoutMs = options.secondsAsMs('timeout') ?? defaultSessionMs;
  const namespace = options.text('namespace') ?? 'tooz';
  if (!/^[^/]+(\/[^/]+)*$/.test(namespace))
    throw new InvalidInputError(field, `option namespace: "${namespace}" is no path`);
  if (url.path !== '' && url.path !== '/')
    throw new InvalidInputError(field, 'zookeeper:// takes no path; use option namespace');
  refuseTls(url);
  options.ignore('connection_retry', 'command_retry', 'handler');
  const listed = [url.hosts, ...options.list('hosts')].flatMap((text) => text.split(',')).filter((text) => text !== '');
  const both = url.username !== undefined && url.password !== undefined;
  return {
    kind: 'zookeeper',
    servers: atLeastOne(listed.map((text) => parseHostPort(text, 2181))),
    shuffle: options.flag('randomize_hosts') ?? true,
    namespace,
    ...(both ? { digest: `${url.username ?? ''}:${url.password ?? ''}` } : {}),
    sessionTimeoutMs: settings.lockTtlMs ?? sessionTimeoutMs,
    memberId: settings.memberId,
    reconnect: settings.reconnect,
  };
}

/** Said at the start, because a connection in the clear to a server that was meant to be encrypted is worse. */
function refuseTls({ options }: ToozUrl): void {
  const wanted = options.flag('use_ssl') === true;
  options.ignore('ca', 'certfile', 'keyfile', 'keyfile_password', 'verify_certs');
  if (!wanted) return;
  throw new InvalidInputError(
    field,
    'option use_ssl: the ZooKeeper client has no TLS; use a TLS tunnel on this host (stunnel, a sidecar) and use_ssl=false',
  );
}

function redisSpec(url: ToozUrl, settings: SpecSettings): RedisSpec {
  const { options } = url;
  const timeoutMs = options.secondsAsMs('timeout') ?? defaultTtlMs;
  const ttlMs = settings.lockTtlMs ?? options.secondsAsMs('lock_timeout') ?? timeoutMs;
  const socketMs = options.secondsAsMs('socket_timeout') ?? timeoutMs;
  const namespace = options.text('namespace') ?? '_tooz';
  if (!/^[\w.:-]+$/.test(namespace))
    throw new InvalidInputError(field, 'option namespace: letters, digits and _ . : - only');
  options.ignore('lock_timeout', 'membership_timeout', 'encoding', 'retry_on_timeout', 'health_check_interval');
  options.ignore('max_connections', 'socket_keepalive');
  const username = options.text('username') ?? url.username;
  const password = options.text('password') ?? url.password;
  return {
    kind: 'redis',
    address: redisAddress(url),
    ...(username === undefined || username === '' ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    db: options.integer('db') ?? databaseOfPath(url),
    ...redisTls(url),
    namespace,
    keyForm: settings.redisKeyForm,
    ttlMs,
    beatMs: Math.min(settings.heartbeatMs, ttlMs / 3),
    connectTimeoutMs: Math.min(options.secondsAsMs('socket_connect_timeout') ?? socketMs, 10_000),
    // Two tries must fit into the time that a lock has left after a missed beat.
    commandTimeoutMs: Math.min(socketMs, ttlMs / 6),
    keepAlive: options.flag('socket_keepalive') ?? true,
    reconnect: settings.reconnect,
  };
}

function redisAddress(url: ToozUrl): RedisSpec['address'] {
  const { options } = url;
  const master = options.text('sentinel');
  const fallbacks = options.list('sentinel_fallback').flatMap((text) => text.split(','));
  const username = options.text('sentinel_username');
  const password = options.text('sentinel_password');
  const tls = options.flag('sentinel_ssl') ?? false;
  if (master === undefined) {
    if (url.hosts === '') return { type: 'unix', path: url.path };
    return { type: 'tcp', ...parseHostPort(url.hosts, 6379) };
  }
  return {
    type: 'sentinel',
    master,
    // With a sentinel the port must be given: it is the sentinel's, for which Tooz has no default.
    sentinels: atLeastOne([url.hosts, ...fallbacks].map((text) => parseHostPort(text, undefined))),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    tls,
  };
}

/** `redis://host:6379/1`, which redis-py reads as database 1 and Tooz ignores: accepted where it changes nothing. */
function databaseOfPath({ hosts, path: text }: ToozUrl): number {
  if (hosts === '' || text === '' || text === '/' || text === '/0') return 0;
  throw new InvalidInputError(field, `redis:// with a host ignores the path "${text}" in Tooz; use option db`);
}

function redisTls({ scheme, options }: ToozUrl): Pick<RedisSpec, 'tls'> {
  const tls = tlsFiles(options, { cert: 'ssl_certfile', key: 'ssl_keyfile', ca: 'ssl_ca_certs' });
  return (options.flag('ssl') ?? scheme === 'rediss') ? { tls } : {};
}

function etcdSpec(url: ToozUrl, settings: SpecSettings): EtcdSpec {
  const { scheme, options, username, password } = url;
  if (url.path !== '' && url.path !== '/') throw new InvalidInputError(field, `${scheme}:// takes no path`);
  const timeoutMs = options.secondsAsMs('timeout') ?? defaultTtlMs;
  const ttlMs = settings.lockTtlMs ?? options.secondsAsMs('lock_timeout') ?? timeoutMs;
  options.ignore('lock_timeout', 'membership_timeout');
  const apiVersion = options.text('api_version');
  if (apiVersion !== undefined && !/^v3(alpha|beta)?$/.test(apiVersion))
    throw new InvalidInputError(field, `option api_version: "${apiVersion}" is none of v3, v3beta, v3alpha`);
  const tls = tlsFiles(options, { cert: 'cert_cert', key: 'cert_key', ca: 'ca_cert' });
  const hosts = url.hosts === '' ? ['localhost'] : url.hosts.split(',');
  return {
    kind: 'etcd',
    servers: atLeastOne(hosts.map((text) => parseHostPort(text, 2379))),
    ...(scheme === 'etcd3+https' ? { tls } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    memberId: settings.memberId,
    ttlMs,
    beatMs: Math.min(settings.heartbeatMs, ttlMs / 3),
    commandTimeoutMs: Math.ceil(Math.min(timeoutMs, ttlMs / 6)),
    reconnect: settings.reconnect,
  };
}

function mysqlSpec(url: ToozUrl, settings: SpecSettings): MysqlSpec {
  const { options, username, password } = url;
  const socketPath = options.text('unix_socket');
  const database = url.path.slice(1);
  const tls = mysqlTls(options);
  const ttlMs = settings.lockTtlMs ?? defaultTtlMs;
  return {
    kind: 'mysql',
    address: socketPath === undefined ? parseHostPort(url.hosts, 3306) : { socketPath },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(database === '' ? {} : { database }),
    ...(tls === undefined ? {} : { tls }),
    ttlMs,
    beatMs: Math.min(settings.heartbeatMs, ttlMs / 3),
    connectTimeoutMs: Math.ceil(Math.min(10_000, ttlMs / 3)),
    commandTimeoutMs: Math.ceil(ttlMs / 6),
    reconnect: settings.reconnect,
  };
}

/** PyMySQL's rules: encrypted where any option asks for it, checked where an authority is named. */
function mysqlTls(options: UrlOptions): MysqlSpec['tls'] {
  if (options.text('ssl_capath') !== undefined)
    throw new InvalidInputError(field, 'option ssl_capath: folders are not read; name one file in ssl_ca');
  const files = tlsFiles(options, { cert: 'ssl_cert', key: 'ssl_key', ca: 'ssl_ca' });
  const ciphers = options.text('ssl_cipher');
  const mode = options.text('ssl_verify_mode')?.toLowerCase();
  const checkHost = options.flag('ssl_check_hostname') ?? options.flag('ssl_verify_identity') ?? true;
  if (Object.keys(files).length === 0 && ciphers === undefined && mode === undefined) return undefined;
  const known = mode ?? (files.caFile === undefined ? 'none' : 'required');
  const verify = ['required', '1', 'true', 'yes'].includes(known);
  if (!verify && !['none', '0', 'false', 'no'].includes(known))
    throw new InvalidInputError(field, `option ssl_verify_mode: "${known}" is neither required nor none`);
  return { ...files, verify, checkHost: verify && checkHost, ...(ciphers === undefined ? {} : { ciphers }) };
}

function memcachedSpec(url: ToozUrl, settings: SpecSettings): MemcachedSpec {
  const { options } = url;
  if (options.flag('use_ssl') === true)
    throw new InvalidInputError(field, 'option use_ssl: there is no TLS to memcached here; use a lock service instead');
  options.ignore('ca_cert', 'ssl_key', 'ssl_key_password', 'ssl_cert', 'ssl_ciphers', 'ssl_check_hostname');
  options.ignore('membership_timeout', 'leader_timeout', 'max_pool_size', 'lock_timeout');
  const timeoutMs = options.secondsAsMs('timeout') ?? defaultTtlMs;
  const ttlMs = settings.lockTtlMs ?? options.secondsAsMs('lock_timeout') ?? timeoutMs;
  return {
    kind: 'memcached',
    ...parseHostPort(url.hosts === '' ? 'localhost' : url.hosts, 11_211),
    memberId: settings.memberId,
    ttlMs,
    beatMs: Math.min(settings.heartbeatMs, ttlMs / 3),
    connectTimeoutMs: Math.ceil(Math.min(timeoutMs, 10_000)),
    commandTimeoutMs: Math.ceil(Math.min(timeoutMs, ttlMs / 6)),
    reconnect: settings.reconnect,
  };
}

/** The files that options name, each by the driver's own name for it. */
function tlsFiles(options: UrlOptions, names: Readonly<Record<'cert' | 'key' | 'ca', string>>): TlsFiles {
  const certFile = options.text(names.cert);
  const keyFile = options.text(names.key);
  const caFile = options.text(names.ca);
  return {
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function atLeastOne(servers: readonly HostPort[]): readonly [HostPort, ...HostPort[]] {
  const [first, ...others] = servers;
  if (first === undefined) throw new InvalidInputError(field, 'names no host');
  return [first, ...others];
}
