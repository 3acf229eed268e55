import { beforeEach, describe, expect, it } from 'vitest';
import { logLevelList } from '../../../../src/app/log-level-list.ts';
import { DatabaseError } from '../../../../src/db/database.ts';
import type { NewEntry } from '../../../../src/db/ports/custody.ts';
import type { Json, JsonObject } from '../../../../src/domain/json.ts';
import { InvalidInputError } from '../../../../src/kernel/errors.ts';
import { LogLevels } from '../../../../src/log/levels.ts';
import type { RpcRequest, RpcService } from '../../../../src/rpc/method.ts';
import { serviceMethods } from '../../../../src/service/methods/index.ts';
import { createServiceRpc } from '../../../../src/service/service-rpc.ts';
import { FakeResources } from '../../../support/fake-resources.ts';
import { GROUP, groupRow, serviceRow } from '../../volume/operations/rows.ts';
import { NFS_STATS, recordingLogger } from '../fakes.ts';

let db: FakeResources;
let figures: JsonObject;
let ready: boolean;
let log: ReturnType<typeof recordingLogger>;
let levels: LogLevels;
let inner: string[];
let rpc: RpcService;

beforeEach(() => {
  db = new FakeResources({ services: { 7: serviceRow() }, groups: { [GROUP]: groupRow() } });
  figures = NFS_STATS.capabilities;
  ready = true;
  log = recordingLogger();
  levels = new LogLevels({ debug: false, defaultLogLevels: [] });
  for (const name of ['cinder_volume_aa.rpc', 'cinder_volume_aa.volume']) levels.register(name);
  inner = [];
  rpc = createServiceRpc({ methods: methods(), inner: innerService(), castDeadlineMs: 1_000, log });
});

function methods(): ReturnType<typeof serviceMethods> {
  const backend = {
    ...{ workOf: 'ctl@nfs1', host: 'ctl@nfs1', cluster: null, service: { id: 7, uuid: 'u' } },
    ready: () => ready,
    publishCapabilities: () => undefined,
    capabilities: (discover: boolean) => Promise.resolve(discover ? { ...figures, asked: true } : figures),
  };
  const logs = {
    setLevel: (prefix: string, level: string) => levels.setLevel(prefix, level),
    levels: (prefix: string) => levels.levels(prefix),
  };
  const takeUp = (entries: readonly NewEntry[]): Promise<number> => Promise.resolve(entries.length);
  return serviceMethods({ db: db.statements, backend, logs, logLevelList, takeUp, log });
}

function innerService(): RpcService {
  return {
    version: '3.18',
    kindOf: (method) => (method === 'create_volume' ? 'cast' : null),
    accept: ({ method }) => Promise.resolve(void inner.push(method)),
    call: ({ method }) => Promise.resolve(`${method} of inner`),
  };
}

const request = (method: string, plain: JsonObject): RpcRequest =>
  ({ method, plain, wire: { args: plain, context: { request_id: 'r' } } }) as unknown as RpcRequest;
const call = (method: string, plain: JsonObject = {}): Promise<Json> =>
  rpc.call(request(method, plain), new AbortController().signal);
const cast = (method: string, plain: JsonObject = {}): Promise<void> => rpc.accept(request(method, plain));

describe('the table of methods', () => {
  it('has each as upstream declares it, and asks the inner one for the others', async () => {
    const kinds = Object.entries({
      publish_service_capabilities: 'cast',
      get_capabilities: 'call',
      set_log_levels: 'cast',
      get_log_levels: 'call',
      freeze_host: 'call',
      thaw_host: 'call',
      failover_completed: 'cast',
      list_replication_targets: 'call',
      do_cleanup: 'cast',
      create_volume: 'cast',
      init_host: null,
    });
    for (const [name, kind] of kinds) expect([name, rpc.kindOf(name)]).toEqual([name, kind]);
    await cast('create_volume');
    expect(inner).toEqual(['create_volume']);
    expect(await call('other')).toBe('other of inner');
  });

  it('lets a cast go that can never run, and keeps one that the database could not take', async () => {
    await cast('failover_completed', { updates: 7 });
    expect(log.at('error')[0]?.fields).toMatchObject({ method: 'failover_completed' });
    db.hook = () => {
      throw new DatabaseError('away', { outcome: 'not-started' });
    };
    await expect(cast('failover_completed', { updates: {} })).rejects.toThrow('away');
  });

  it('names the argument that does not fit, to who calls', async () => {
    await expect(call('get_capabilities', { discover: 'yes' })).rejects.toThrow(InvalidInputError);
  });
});

describe('get_capabilities', () => {
  it('answers the figures, old or new, with the standard properties', async () => {
    const known = (await call('get_capabilities', { discover: false })) as JsonObject;
    expect(known).toMatchObject({ storage_protocol: 'nfs', vendor_name: 'Open Source' });
    expect(known['properties']).toMatchObject({
      qos: { title: 'QoS', description: 'Enables QoS.', type: 'boolean' },
      replication_enabled: { type: 'boolean' },
    });
    expect(await call('get_capabilities', { discover: true })).toMatchObject({ asked: true });
  });

  it('answers nothing before the driver was up', async () => {
    figures = {};
    expect(await call('get_capabilities', { discover: false })).toEqual({});
  });
});

describe('log levels', () => {
  const asked = (prefix: string | null, level: string | null = null): JsonObject => ({
    log_request: { prefix, level },
  });

  it('are set by prefix, in any case, and told as upstream’s objects', async () => {
    await cast('set_log_levels', asked('cinder_volume_aa.v', 'debug'));
    expect(await call('get_log_levels', asked(null))).toMatchObject({
      'versioned_object.name': 'LogLevelList',
      'versioned_object.data': {
        objects: [
          { 'versioned_object.data': { prefix: 'cinder_volume_aa.rpc', level: 'INFO' } },
          { 'versioned_object.data': { prefix: 'cinder_volume_aa.volume', level: 'DEBUG' } },
        ],
      },
    });
    const some = (await call('get_log_levels', asked('cinder_volume_aa.r'))) as JsonObject;
    expect((some['versioned_object.data'] as { objects: unknown[] }).objects).toHaveLength(1);
  });

  it.each([null, '', 'CRITICAL', 'loud'])('%j is none', async (level) => {
    await cast('set_log_levels', asked(null, level));
    expect(log.at('error')[0]?.fields).toMatchObject({ err: { field: 'log_request.level' } });
    expect(levels.levels('cinder_volume_aa.rpc')).toEqual({ 'cinder_volume_aa.rpc': 'INFO' });
  });
});

describe('the services row', () => {
  it('is disabled by a freeze, and enabled by a thaw', async () => {
    expect(await call('freeze_host')).toBe(true);
    expect(db.tables.services[7]).toMatchObject({ disabled: true, disabled_reason: 'frozen' });
    expect(await call('thaw_host')).toBe(true);
    expect(db.tables.services[7]).toMatchObject({ disabled: false, disabled_reason: '' });
  });

  it('of every member of a cluster is, but of one that an operator has disabled', async () => {
    const maintenance = { disabled: true, disabled_reason: 'maintenance' };
    db.tables.services = {
      7: serviceRow({ cluster_name: 'c@nfs1', ...maintenance }),
      8: serviceRow({ id: 8, cluster_name: 'c@nfs1' }),
      9: serviceRow({ id: 9, cluster_name: 'other@nfs1' }),
    };
    await call('freeze_host');
    expect(db.tables.services).toMatchObject({
      7: maintenance,
      8: { disabled: true, disabled_reason: 'frozen' },
      9: { disabled: false },
    });
    await call('thaw_host');
    expect(db.tables.services).toMatchObject({ 7: maintenance, 8: { disabled: false, disabled_reason: '' } });
  });

  it('says after a failover of the cluster that the driver did not follow', async () => {
    await cast('failover_completed', { updates: { replication_status: 'failed-over', active_backend_id: 'b' } });
    expect(db.tables.services[7]).toMatchObject({
      active_backend_id: 'b',
      disabled: true,
      disabled_reason: 'Driver reported error during replication failover completion.',
      replication_status: 'error',
    });
  });
});

describe('list_replication_targets', () => {
  it('are none, of a group that is there', async () => {
    expect(await call('list_replication_targets', { group: { id: GROUP } })).toEqual({ replication_targets: [] });
    const other = { group: { id: GROUP.replace('6', '7') } };
    await expect(call('list_replication_targets', other)).rejects.toMatchObject({
      exception: 'VolumeBackendAPIException',
    });
  });
});

describe('do_cleanup', () => {
  it('cleans nothing up while the driver is not ready', async () => {
    ready = false;
    await cast('do_cleanup', { cleanup_request: { service_id: 3 } });
    expect(log.at('warn')[0]?.message).toContain('not ready');
  });

  it('names the service that it needs', async () => {
    await cast('do_cleanup', { cleanup_request: { service_id: null } });
    expect(log.at('error')[0]?.fields).toMatchObject({ err: { field: 'cleanup_request.service_id' } });
  });
});
