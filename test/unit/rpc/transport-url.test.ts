import { describe, expect, it } from 'vitest';
import { parseTransportUrl } from '../../../src/rpc/transport-url.ts';

const rabbit = (url: string) => parseTransportUrl(url);

describe('transport_url', () => {
  it('reads one broker', () => {
    expect(rabbit('rabbit://openstack:pa%3Ass%40@10.0.0.1:5673/cinder')).toEqual({
      driver: 'rabbit',
      hosts: [{ host: '10.0.0.1', port: 5673, username: 'openstack', password: 'pa:ss@' }],
      path: 'cinder',
      options: new Map(),
    });
  });

  it('reads several brokers, each with its own credentials, and skips empty ones', () => {
    const { hosts } = rabbit('rabbit://a:1@h1:1,b:2@[::1],,c@h3:3//');
    expect(hosts).toEqual([
      { host: 'h1', port: 1, username: 'a', password: '1' },
      { host: '::1', port: 5672, username: 'b', password: '2' },
      { host: 'h3', port: 3, username: 'c', password: '' },
    ]);
  });

  it('falls back to guest at localhost', () => {
    const guest = { host: 'localhost', port: 5672, username: 'guest', password: 'guest' };
    expect(rabbit('rabbit://').hosts).toEqual([guest]);
    expect(rabbit('rabbit:///v').hosts).toEqual([guest]);
    expect(rabbit('rabbit://other').hosts).toEqual([{ ...guest, host: 'other' }]);
  });

  it.each([
    ['rabbit://h', '/'],
    ['rabbit://h/', '/'],
    ['rabbit://h//', '/'],
    ['rabbit://h/%2F', '/'],
    ['rabbit://h/openstack', 'openstack'],
    ['rabbit://h//openstack', '/openstack'],
    ['rabbit://h/a%20b?ssl=1', 'a b'],
  ])('%s has the vhost %s', (url, vhost) => {
    expect(rabbit(url).path).toBe(vhost);
  });

  it('joins options of the same name', () => {
    const { options } = rabbit('rabbit://h/?rabbit_quorum_queue=true&x=1&x=2');
    expect([...options]).toEqual([
      ['rabbit_quorum_queue', 'true'],
      ['x', '1,2'],
    ]);
  });

  it('takes a colon in a password as it stands', () => {
    expect(rabbit('rabbit://u:a:b@h/').hosts[0]?.password).toBe('a:b');
  });

  it('reads the path of a hub', () => {
    expect(rabbit('hub:///run/hub.sock')).toMatchObject({ driver: 'hub', hosts: [], path: '/run/hub.sock' });
  });

  it.each([
    'host:5672',
    'qpid://h/',
    'rabbit://u:secret@h:99999/',
    'rabbit://u:secret@h:port/',
    'rabbit://u:secret%@h/',
    'hub://host/x',
    'hub:///',
  ])('refuses %s without repeating its password', (url) => {
    expect(() => rabbit(url)).toThrow(/^transport_url: /);
    expect(() => rabbit(url)).not.toThrow(/secret/);
  });
});
