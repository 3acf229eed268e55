import { beforeEach, describe, expect, it } from 'vitest';
import { identityOf } from '../../../src/service/identity.ts';
import { NotRegisteredError, Registration } from '../../../src/service/registration.ts';
import { FakeServiceTables, recordingLogger } from './fakes.ts';

const settings = { host: 'node1', cluster: null, storageAvailabilityZone: 'nova', enableNewServices: true };
const section = { backendHost: null, backendAvailabilityZone: null };
const alone = identityOf('nfs1', settings, section);
const clustered = identityOf('nfs1', { ...settings, cluster: 'aa' }, section);

describe('identity', () => {
  it('writes versions that no sender can misread', () => {
    expect(alone).toEqual({
      host: 'node1@nfs1',
      binary: 'cinder-volume',
      topic: 'cinder-volume',
      availabilityZone: 'nova',
      rpcVersion: '3.20',
      objectVersion: '1.39',
      clusterName: null,
      disabledIfNew: false,
    });
  });

  it('prefers what the section says, and takes an empty cluster for none', () => {
    const identity = identityOf(
      'nfs1',
      { ...settings, cluster: ' ', enableNewServices: false },
      { backendHost: 'shared', backendAvailabilityZone: 'az2' },
      { binary: 'cinder-volume-aa' },
    );
    expect(identity).toMatchObject({ host: 'shared@nfs1', clusterName: null, availabilityZone: 'az2' });
    expect(identity).toMatchObject({ binary: 'cinder-volume-aa', topic: 'cinder-volume-aa', disabledIfNew: true });
  });
});

describe('registration', () => {
  let tables: FakeServiceTables;
  let log: ReturnType<typeof recordingLogger>;
  const registrationOf = (identity = alone) => new Registration(tables.database, identity, log);
  beforeEach(() => {
    tables = new FakeServiceTables();
    log = recordingLogger();
  });

  it('knows no row before it registered', () => {
    expect(() => registrationOf().service).toThrow(NotRegisteredError);
  });

  it('keeps the row over restarts and shares it between replicas of one host name', async () => {
    const [one, other] = [registrationOf(), registrationOf()];
    await one.register();
    await other.register();
    expect(tables.rows).toHaveLength(1);
    expect(other.service).toEqual(one.service);
  });

  it('makes the cluster and takes the resources along when it joins, and only then', async () => {
    await registrationOf().register();
    await registrationOf(clustered).register();
    await registrationOf(clustered).register();
    expect(tables.clusters.map(({ name }) => name)).toEqual(['aa@nfs1']);
    expect(tables.included).toEqual([{ host: 'node1@nfs1', cluster: 'aa@nfs1' }]);
    expect(log.at('info').map(({ message }) => message)).toContain(
      'node1@nfs1 joined the cluster: 2 volumes and 1 groups included in cluster aa@nfs1',
    );
  });

  it('leaves nothing half joined when it dies before the resources are included', async () => {
    tables.faults = { includeResources: [new Error('killed')] };
    await expect(registrationOf(clustered).register()).rejects.toThrow('killed');
    expect(tables.rows).toEqual([]);
    await registrationOf(clustered).register();
    expect(tables.included).toHaveLength(1);
  });

  it('becomes what its cluster is', async () => {
    tables.clusters.push({ name: 'aa@nfs1', binary: 'cinder-volume', frozen: true } as never);
    Object.assign(tables.clusters[0] ?? {}, { replication_status: 'failed-over', active_backend_id: 'dr' });
    const registration = registrationOf(clustered);
    await registration.register();
    expect(tables.rows[0]).toMatchObject({ replication_status: 'failed-over', active_backend_id: 'dr', frozen: true });
    await registration.setReplication(false);
    expect(tables.rows[0]?.replication_status).toBe('failed-over');
  });

  it('moves nothing to another cluster, but says so', async () => {
    await registrationOf(clustered).register();
    await registrationOf(identityOf('nfs1', { ...settings, cluster: 'bb' }, section)).register();
    expect(tables.rows[0]?.cluster_name).toBe('aa@nfs1');
    expect(tables.included).toHaveLength(1);
    expect(log.at('warn')[0]?.message).toContain('NOT moved');
  });

  it('makes a removed row anew at the next beat, and beats the new one', async () => {
    const registration = registrationOf(clustered);
    await registration.register();
    const old = registration.service;
    tables.rows = [];
    await registration.beat();
    expect(registration.service.id).not.toBe(old.id);
    expect(registration.service.uuid).not.toBe(old.uuid);
    await registration.beat();
    expect(tables.rows[0]?.report_count).toBe(1);
  });

  it('says that it does not replicate, in both tables', async () => {
    const registration = registrationOf(clustered);
    await registration.register();
    await registration.setReplication(false);
    expect(tables.rows[0]?.replication_status).toBe('disabled');
    expect(tables.clusters[0]?.replication_status).toBe('disabled');
  });
});
