import type { Database, Repositories } from '../../../src/db/database.ts';
import type { OutboxMessage } from '../../../src/db/ports/custody.ts';
import type { ServiceRegistration } from '../../../src/db/ports/services.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Cluster, Service } from '../../../src/domain/rows.ts';
import type { DriverStats, VolumeDriver } from '../../../src/drivers/volume-driver.ts';
import type { Logger } from '../../../src/log/logger.ts';
import type { MessageMaker } from '../../../src/rpc/notifier.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The two tables in memory, with transactions that are rolled back when their work throws. */
export class FakeServiceTables {
  rows: Mutable<Service>[] = [];
  clusters: Mutable<Cluster>[] = [];
  included: { host: string; cluster: string }[] = [];
  beats = 0;
  /** Thrown by the named method, as often as it stands here. */
  faults: Record<string, Error[]> = {};
  #nextId = 1;

  get database(): Database {
    const statements = {
      services: {
        register: (wanted: ServiceRegistration) => this.#run('register', () => this.#register(wanted)),
        beat: (id: number) => this.#run('beat', () => this.#beat(id)),
        get: (id: number) => this.#run('get', () => this.rows.find((row) => row.id === id) ?? null),
        update: (id: number, changes: object) =>
          this.#run('update', () => void Object.assign(this.rows.find((row) => row.id === id) ?? {}, changes)),
      },
      clusters: {
        ensure: (name: string, binary: string, from: Service) =>
          this.#run('ensure', () => this.#ensure(name, binary, from)),
        get: (name: string) => this.#run('getCluster', () => this.clusters.find((row) => row.name === name) ?? null),
        update: (name: string, _: string, changes: object) =>
          this.#run(
            'updateCluster',
            () => void Object.assign(this.clusters.find((row) => row.name === name) ?? {}, changes),
          ),
        includeResources: (host: string, cluster: string) =>
          this.#run('includeResources', () => {
            this.included.push({ host, cluster });
            return { volumes: 2, groups: 1 };
          }),
      },
    };
    const transaction = async (work: (db: Repositories) => Promise<unknown>): Promise<unknown> => {
      const before = structuredClone({ rows: this.rows, clusters: this.clusters, included: this.included });
      try {
        return await work(statements as unknown as Repositories);
      } catch (error) {
        Object.assign(this, before);
        throw error;
      }
    };
    return { ...statements, transaction } as unknown as Database;
  }

  async #run<T>(name: string, work: () => T): Promise<T> {
    const fault = this.faults[name]?.shift();
    if (fault !== undefined) throw fault;
    await Promise.resolve();
    return structuredClone(work());
  }

  #register(wanted: ServiceRegistration): { service: Service; joined: boolean } {
    const found = this.rows.find((row) => row.host === wanted.host && row.binary === wanted.binary);
    const row = found ?? serviceRow(this.#nextId++, wanted);
    const joined = row.cluster_name === null && wanted.clusterName !== null;
    if (joined) row.cluster_name = wanted.clusterName;
    row.rpc_current_version = wanted.rpcVersion;
    row.object_current_version = wanted.objectVersion;
    if (found === undefined) this.rows.push(row);
    return { service: row, joined };
  }

  #beat(id: number): boolean {
    const row = this.rows.find((candidate) => candidate.id === id);
    if (row === undefined) return false;
    row.report_count += 1;
    this.beats += 1;
    return true;
  }

  #ensure(name: string, binary: string, from: Service): Cluster {
    const found = this.clusters.find((row) => row.name === name && row.binary === binary);
    if (found !== undefined) return found;
    const { replication_status, active_backend_id, frozen, disabled } = from;
    const row = { id: 1, name, binary, replication_status, active_backend_id, frozen, disabled } as Mutable<Cluster>;
    this.clusters.push(row);
    return row;
  }
}

function serviceRow(id: number, wanted: ServiceRegistration): Mutable<Service> {
  const { host, binary, topic, disabledIfNew: disabled } = wanted;
  return {
    id,
    uuid: `uuid-${id}`,
    host,
    binary,
    topic,
    disabled,
    report_count: 0,
    disabled_reason: null,
    availability_zone: wanted.availabilityZone,
    rpc_current_version: null,
    object_current_version: null,
    cluster_name: null,
    replication_status: 'not-capable',
    active_backend_id: null,
    frozen: false,
    modified_at: null,
    created_at: null,
    updated_at: null,
    deleted_at: null,
    deleted: false,
  };
}

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A logger that remembers. */
export function recordingLogger(): Logger & { readonly lines: LogLine[]; at(level: string): LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const logger = {
    lines,
    at: (level: string) => lines.filter((line) => line.level === level),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => logger,
  };
  return logger;
}

/** Makes messages in which everything that was asked for can be seen again. */
export const plainMaker: MessageMaker = {
  enabled: true,
  cast: (context, target, method, version, args) => ({
    ...message('cast', target.topic, { method, version, args, context }),
    server: target.server ?? null,
  }),
  fanout: (context, topic, method, version, args) => message('fanout', topic, { method, version, args, context }),
  notification: () => [],
};

function message(kind: 'cast' | 'fanout', topic: string, payload: JsonObject): OutboxMessage {
  return { uniqueId: 'u', kind, topic, server: null, payload };
}

export const NFS_STATS: DriverStats = {
  capabilities: {
    volume_backend_name: 'nfs1',
    vendor_name: 'Open Source',
    driver_version: '1.4.0',
    storage_protocol: 'nfs',
    total_capacity_gb: 251.5,
    free_capacity_gb: 76.25,
    reserved_percentage: 0,
    QoS_support: false,
    sparse_copy_volume: true,
    provisioned_capacity_gb: 1,
    max_over_subscription_ratio: 20,
    thin_provisioning_support: true,
    thick_provisioning_support: false,
  },
  shares: [{ location: 'server:/share', capacity: { totalGb: 251.5, freeGb: 76.25, provisionedGb: 1 } }],
};

/** A driver of which only the set-up and the figures are real. */
export class FakeDriver {
  readonly name = 'driver';
  readonly info = { driverClass: 'cinder.volume.drivers.fake.Fake', activeActive: true };
  starts = 0;
  stops = 0;
  statsCalls = 0;
  provisioned: ReadonlyMap<string, number> | undefined;
  /** Each start takes the first; none left: success. */
  startOutcomes: (Error | 'hang')[] = [];
  statsOutcome: DriverStats | Error | 'hang' = NFS_STATS;

  get driver(): VolumeDriver {
    return this as unknown as VolumeDriver;
  }

  start(signal: AbortSignal): Promise<void> {
    this.starts += 1;
    const outcome = this.startOutcomes.shift();
    if (outcome === undefined) return Promise.resolve();
    return outcome === 'hang' ? hang(signal) : Promise.reject(outcome);
  }

  stop(): Promise<void> {
    this.stops += 1;
    return Promise.resolve();
  }

  health() {
    return { ok: true };
  }

  locations() {
    return ['server:/share'];
  }

  stats(guard: { signal: AbortSignal }, provisioned: ReadonlyMap<string, number>): Promise<DriverStats> {
    this.statsCalls += 1;
    this.provisioned = provisioned;
    const outcome = this.statsOutcome;
    if (outcome === 'hang') return hang(guard.signal);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }
}

function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
