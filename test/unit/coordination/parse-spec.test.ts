import { describe, expect, it } from 'vitest';
import { parseBackendSpec, type SpecSettings } from '../../../src/coordination/parse-spec.ts';
import { InvalidInputError, messageOf } from '../../../src/kernel/errors.ts';

const settings: SpecSettings = {
  memberId: 'cinder-member',
  heartbeatMs: 1000,
  reconnect: { initialMs: 100, maxMs: 60_000 },
  redisKeyForm: 'both',
};
const parse = (url: string, more: Partial<SpecSettings> = {}) => parseBackendSpec(url, { ...settings, ...more });

describe('a file URL', () => {
  it('names a folder', () => {
    expect(parse('file:///var/lib/cinder/coordination?timeout=10')).toMatchObject({
      kind: 'file',
      directory: '/var/lib/cinder/coordination',
    });
  });

  it.each(['file://', 'file:///', 'file://host/dir'])('%s is refused', (url) => {
    expect(() => parse(url)).toThrow(InvalidInputError);
  });
});

describe('a ZooKeeper URL', () => {
  it('has Tooz’s defaults', () => {
    expect(parse('zookeeper://zk1')).toEqual({
      kind: 'zookeeper',
      servers: [{ host: 'zk1', port: 2181 }],
      shuffle: true,
      namespace: 'tooz',
      sessionTimeoutMs: 10_000,
      memberId: 'cinder-member',
      reconnect: { initialMs: 100, maxMs: 60_000 },
    });
  });

  it('takes several hosts, credentials as they stand, and options', () => {
    const url =
      'kazoo://u:p%40w@zk1:2182,[::1]:2183?hosts=zk3:2184,zk4&namespace=cinder&timeout=4&randomize_hosts=False';
    expect(parse(url)).toMatchObject({
      servers: [
        { host: 'zk1', port: 2182 },
        { host: '::1', port: 2183 },
        { host: 'zk3', port: 2184 },
        { host: 'zk4', port: 2181 },
      ],
      digest: 'u:p%40w',
      namespace: 'cinder',
      sessionTimeoutMs: 4000,
      shuffle: false,
    });
  });

  it('says plainly that there is no TLS', () => {
    expect(() => parse('zookeeper://zk1?use_ssl=True&verify_certs=True')).toThrow(/use_ssl.*no TLS/);
    expect(parse('zookeeper://zk1?use_ssl=false&ca=/etc/ca.pem')).toMatchObject({ kind: 'zookeeper' });
  });
});

describe('a Redis URL', () => {
  it('has Tooz’s defaults', () => {
    expect(parse('redis://localhost')).toMatchObject({
      kind: 'redis',
      address: { type: 'tcp', host: 'localhost', port: 6379 },
      db: 0,
      namespace: '_tooz',
      keyForm: 'both',
      ttlMs: 30_000,
      beatMs: 1000,
      commandTimeoutMs: 5000,
    });
  });

  it('takes kolla-ansible’s sentinel form', () => {
    const url =
      'redis://default:pw@h1:26379?sentinel=kolla&sentinel_fallback=h2:26379&sentinel_fallback=h3:26379&db=2' +
      '&socket_timeout=60&retry_on_timeout=yes&sentinel_password=spw';
    expect(parse(url)).toMatchObject({
      address: {
        type: 'sentinel',
        master: 'kolla',
        sentinels: [
          { host: 'h1', port: 26379 },
          { host: 'h2', port: 26379 },
          { host: 'h3', port: 26379 },
        ],
        password: 'spw',
      },
      username: 'default',
      password: 'pw',
      db: 2,
    });
  });

  it('beats at least three times in a time to live, and gives commands half of what a missed beat leaves', () => {
    expect(parse('redis://h?lock_timeout=2', { heartbeatMs: 5000 })).toMatchObject({
      ttlMs: 2000,
      beatMs: 2000 / 3,
      commandTimeoutMs: 2000 / 6,
    });
    expect(parse('redis://h?timeout=20', { lockTtlMs: 9000 })).toMatchObject({ ttlMs: 9000 });
  });

  it('knows sockets and TLS', () => {
    expect(parse('redis:///run/redis.sock')).toMatchObject({ address: { type: 'unix', path: '/run/redis.sock' } });
    expect(parse('rediss://h')).toMatchObject({ tls: {} });
    expect(parse('redis://h?ssl=true&ssl_ca_certs=/ca.pem')).toMatchObject({ tls: { caFile: '/ca.pem' } });
    expect(parse('redis://h?ssl_certfile=/c.pem')).not.toHaveProperty('tls');
  });
});

describe('an etcd URL', () => {
  it('has Tooz’s defaults', () => {
    expect(parse('etcd3+http://')).toEqual({
      kind: 'etcd',
      servers: [{ host: 'localhost', port: 2379 }],
      memberId: 'cinder-member',
      ttlMs: 30_000,
      beatMs: 1000,
      commandTimeoutMs: 5000,
      reconnect: { initialMs: 100, maxMs: 60_000 },
    });
  });

  it('takes several members, credentials, TLS and options', () => {
    const url =
      'etcd3+https://u:pw@e1,e2:2380?ca_cert=/ca.pem&cert_cert=/c.pem&cert_key=/k.pem&api_version=v3beta' +
      '&timeout=20&lock_timeout=12&membership_timeout=9';
    expect(parse(url)).toMatchObject({
      servers: [
        { host: 'e1', port: 2379 },
        { host: 'e2', port: 2380 },
      ],
      username: 'u',
      password: 'pw',
      tls: { caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem' },
      apiVersion: 'v3beta',
      ttlMs: 12_000,
      commandTimeoutMs: 2000,
    });
  });
});

describe('a MySQL URL', () => {
  it('has Tooz’s defaults', () => {
    expect(parse('mysql://u:p%40w@db/locks')).toEqual({
      kind: 'mysql',
      address: { host: 'db', port: 3306 },
      username: 'u',
      password: 'p%40w',
      database: 'locks',
      ttlMs: 30_000,
      beatMs: 1000,
      connectTimeoutMs: 10_000,
      commandTimeoutMs: 5000,
      reconnect: { initialMs: 100, maxMs: 60_000 },
    });
    expect(parse('mysql:///locks?unix_socket=/run/mysqld.sock')).toMatchObject({
      address: { socketPath: '/run/mysqld.sock' },
    });
  });

  it('is encrypted where an option asks for it, and checked where an authority is named, as in PyMySQL', () => {
    expect(parse('mysql://h/d?ssl_ca=/ca.pem')).toMatchObject({
      tls: { caFile: '/ca.pem', verify: true, checkHost: true },
    });
    expect(parse('mysql://h/d?ssl_ca=/ca.pem&ssl_check_hostname=false')).toMatchObject({ tls: { checkHost: false } });
    expect(parse('mysql://h/d?ssl_cert=/c.pem&ssl_key=/k.pem')).toMatchObject({ tls: { verify: false } });
    expect(() => parse('mysql://h/d?ssl_capath=/certs')).toThrow(/ssl_capath.*ssl_ca/);
    expect(() => parse('mysql://h/d?ssl_verify_mode=perhaps')).toThrow(/ssl_verify_mode/);
  });
});

describe('a memcached URL', () => {
  it('has Tooz’s defaults, and takes its options', () => {
    expect(parse('memcached://')).toMatchObject({ kind: 'memcached', host: 'localhost', port: 11_211, ttlMs: 30_000 });
    const url = 'memcached://mc:11212?lock_timeout=6&timeout=5&leader_timeout=3&max_pool_size=4';
    expect(parse(url)).toMatchObject({ host: 'mc', port: 11_212, ttlMs: 6000, commandTimeoutMs: 1000 });
    expect(() => parse('memcached://mc?use_ssl=true')).toThrow(/use_ssl/);
  });
});

describe('what is wrong with a URL is said', () => {
  it.each([
    ['etcd://h', /etcd:\/\/ is not known.*zookeeper:\/\//],
    ['no url', /is no URL/],
    ['etcd3+http://h?api_version=v2', /option api_version: "v2" is none of v3/],
    ['etcd3+http://h/db', /takes no path/],
    ['redis://h?lock_time=3', /option lock_time: is not an option of redis.*lock_timeout/],
    ['redis://h?timeout=soon', /option timeout: "soon" is no number of seconds/],
    ['redis://h?ssl=maybe', /option ssl: "maybe" is neither true nor false/],
    ['redis://h?db=x', /option db/],
    ['redis://h/5', /option db/],
    ['redis://h?sentinel=m', /"h" needs a port/],
    ['redis://h:99999', /needs a port/],
    ['redis://h?namespace=a%27b', /option namespace/],
    ['zookeeper://h/chroot', /namespace/],
    ['zookeeper://', /names no host/],
    ['zookeeper://h?namespace=/x', /option namespace/],
  ])('%s', (url, message) => {
    expect(() => parse(url)).toThrow(message);
  });

  it.each(['redis://u:secret@h:0', 'redis//u:secret@h', 'zookeeper://u:secret@h/x', 'etcd://u:secret@h'])(
    'without repeating the password: %s',
    (url) => {
      let problem = '';
      try {
        parse(url);
      } catch (error) {
        problem = messageOf(error);
      }
      expect(problem).toContain('backend_url');
      expect(problem).not.toContain('secret');
    },
  );
});
