import { describe, expect, it } from 'vitest';
import { chooseTarget, queueOf } from '../../../../src/cli/drive/target.ts';
import type { Service } from '../../../../src/domain/rows.ts';

const service = (host: string, more: Partial<Service> & { age_ms?: number } = {}): Service & { age_ms: number } =>
  ({
    binary: 'cinder-volume',
    disabled: false,
    host,
    cluster_name: null,
    availability_zone: 'nova',
    age_ms: 0,
    ...more,
  }) as Service & { age_ms: number };

const choose = (services: readonly (Service & { age_ms: number })[], backend?: string) =>
  chooseTarget({ services, downAfterMs: 60_000, backend, poolOf: (name) => `${name}-pool` });

describe('chooseTarget', () => {
  it('takes the first that is enabled and up, with its cluster and the pool', () => {
    const services = [
      service('other@nfs', { binary: 'cinder-scheduler' }),
      service('a@nfs', { disabled: true }),
      service('b@nfs', { age_ms: 61_000 }),
      service('c@nfs', { cluster_name: 'demo@nfs' }),
    ];
    expect(choose(services)).toEqual({
      host: 'c@nfs#nfs-pool',
      clusterName: 'demo@nfs#nfs-pool',
      availabilityZone: 'nova',
    });
  });

  it.each(['fast', 'b@fast', 'demo@fast'])('finds a backend by %s', (name) => {
    const services = [service('a@slow'), service('b@fast', { cluster_name: 'demo@fast' })];
    expect(choose(services, name).host).toBe('b@fast#fast-pool');
  });

  it('says that none is up', () => {
    expect(() => choose([])).toThrow('no cinder-volume service is enabled and up');
    expect(() => choose([service('a@slow')], 'fast')).toThrow('no cinder-volume service of "fast"');
  });
});

describe('queueOf', () => {
  it('is the queue that upstream casts to: without the pool, the cluster before the host', () => {
    expect(queueOf({ host: 'ref@nfs1#pool', cluster_name: null })).toEqual({
      topic: 'cinder-volume.ref@nfs1',
      server: 'ref',
    });
    expect(queueOf({ host: 'a@nfs1#pool', cluster_name: 'mycl@nfs1#pool' })).toEqual({
      topic: 'cinder-volume.mycl@nfs1',
      server: 'mycl',
    });
    expect(() => queueOf({ host: null, cluster_name: null })).toThrow('never given to a host');
  });
});
