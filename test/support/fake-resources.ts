import { DatabaseError, type Repositories } from '../../src/db/database.ts';
import type { NewEntry, OutboxMessage, WorkedOn } from '../../src/db/ports/custody.ts';
import { now } from '../../src/db/ports/resources.ts';
import type {
  GlanceOwner,
  ImageCacheEntry,
  ImageCacheOf,
  ResourceRepositories,
  UserMessage,
} from '../../src/db/ports/resources.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { GroupRepositories } from '../../src/db/ports/groups.ts';
import type { ServiceRepositories } from '../../src/db/ports/services.ts';
import type {
  Backup,
  Cluster,
  Group,
  GroupSnapshot,
  Service,
  Snapshot,
  Volume,
  VolumeAttachment,
  VolumeType,
} from '../../src/domain/rows.ts';

type Values = Record<string, string | null>;

/** What the database holds, as plain data: a transaction is a copy that is put in place or dropped. */
export interface Tables {
  volumes: Record<string, Volume>;
  snapshots: Record<string, Snapshot>;
  volumeTypes: Record<string, VolumeType>;
  attachments: Record<string, VolumeAttachment>;
  backups: Record<string, Backup>;
  /** By volume type. */
  qosSpecs: Record<string, Values>;
  /** By volume type. */
  encryption: Record<string, Record<string, string | number | null>>;
  groups: Record<string, Group>;
  groupSnapshots: Record<string, GroupSnapshot>;
  /** Names of group types by id. */
  groupTypes: Record<string, string>;
  services: Record<number, Service>;
  /** By name. */
  clusters: Record<string, Cluster>;
  /** `metadata <id>`, `admin_metadata <id>`, `glance <id>`. */
  values: Record<string, Values>;
  imageCache: ImageCacheEntry[];
  /** What the journal was given beside the entry that is carried. */
  received: NewEntry[];
  /** `in_use` by `<project> <resource>`. */
  quotas: Record<string, number>;
  /** By `<project> <resource>`: no project has more. */
  limits: Record<string, number>;
  /** What is put by, and for what, by id: gone once it is charged or given back. */
  reservations: Record<string, { readonly of: string; readonly delta: number }>;
  /** `<type> <id>` → status. */
  workers: Record<string, string>;
  messages: UserMessage[];
  outbox: OutboxMessage[];
  entry: { outcome: string | null; detail: string | null };
  /** Of the entry that is carried. */
  notes: JsonObject;
}

/** The database's clock: it stands, so that two runs can be compared. */
export const CLOCK = '2026-01-02 03:04:05.000006';

/** Called around every statement; what it throws is what the statement throws. */
export type StatementHook = (name: string, when: 'before' | 'after') => void;

/**
 * The ports on Cinder's own tables in memory, small and faithful: a deleted row is not found, an update compares what
 * it is told to, a quota is what its deltas add up to. A statement that is missing here fails the test by its name.
 */
export class FakeResources {
  tables: Tables;
  hook: StatementHook = () => undefined;
  /** What becomes of a message at once, in the transaction that sends it. */
  onMessage: (tables: Tables, message: OutboxMessage) => void = () => undefined;

  constructor(tables: Partial<Tables> = {}) {
    const resources = { volumes: {}, snapshots: {}, volumeTypes: {}, groups: {}, groupSnapshots: {}, groupTypes: {} };
    const empty = {
      ...resources,
      attachments: {},
      backups: {},
      qosSpecs: {},
      encryption: {},
      services: {},
      clusters: {},
      values: {},
      quotas: {},
      limits: {},
      reservations: {},
      workers: {},
      imageCache: [],
      received: [],
    };
    this.tables = { ...empty, messages: [], outbox: [], entry: { outcome: null, detail: null }, notes: {}, ...tables };
  }

  /** Each statement for itself. */
  readonly statements: Repositories = this.#hooked(() => this.tables);

  /** All or nothing. `commit` is a statement of its own for the hook: `after` it, the answer is lost, not the write. */
  async transaction<T>(work: (statements: Repositories) => Promise<T>): Promise<T> {
    const draft = structuredClone(this.tables);
    const result = await work(this.#hooked(() => draft));
    this.hook('commit', 'before');
    this.tables = draft;
    this.hook('commit', 'after');
    return result;
  }

  #hooked(tables: () => Tables): Repositories {
    const repository = (family: string): object =>
      new Proxy(repositories(tables(), this.onMessage)[family] ?? {}, {
        get:
          (target, name) =>
          (...args: unknown[]) =>
            this.#statement(`${family}.${String(name)}`, target, name, args),
      });
    return new Proxy({} as Repositories, {
      get: (_target, family) => (typeof family === 'string' ? repository(family) : undefined),
    });
  }

  async #statement(name: string, target: object, key: string | symbol, args: unknown[]): Promise<unknown> {
    const statement: unknown = Reflect.get(target, key);
    if (typeof statement !== 'function') throw new Error(`fake-resources has no ${name}`);
    this.hook(name, 'before');
    const result: unknown = await Reflect.apply(statement, target, args);
    this.hook(name, 'after');
    return structuredClone(result);
  }
}

/** The hook's error for a database whose answer got lost, or that went away. */
export function lostAnswer(name: string): DatabaseError {
  return new DatabaseError(`${name}: connection lost`, { outcome: 'unknown' });
}

function repositories(tables: Tables, onMessage: FakeResources['onMessage']): Record<string, object | undefined> {
  return {
    ...(resources(tables) as unknown as Record<string, object>),
    ...(groups(tables) as unknown as Record<string, object>),
    ...(services(tables) as unknown as Record<string, object>),
    journal: {
      note: (_claim: unknown, notes: JsonObject) => answer(() => void (tables.notes = { ...tables.notes, ...notes })),
      receive: (entries: readonly NewEntry[]) => answer(() => void tables.received.push(...entries)),
      finish: (_claim: unknown, outcome: string, detail: string | null, worked?: WorkedOn) =>
        answer(() => {
          tables.entry = { outcome, detail };
          if (worked !== undefined)
            Reflect.deleteProperty(tables.workers, `${worked.resourceType} ${worked.resourceId}`);
        }),
    },
    fence: {
      mint: (names: readonly string[]) => answer(() => new Map(names.map((name) => [name, 1n]))),
      check: () => answer(() => undefined),
    },
    outbox: {
      add: (messages: readonly OutboxMessage[]) =>
        answer(() => {
          tables.outbox.push(...messages);
          for (const message of messages) onMessage(tables, message);
        }),
    },
  };
}

type Faked<Families> = { readonly [Family in keyof Families]: Partial<Families[Family]> };
type Fakes = Faked<ResourceRepositories>;

function resources(tables: Tables): Fakes {
  return {
    volumes: volumes(tables),
    snapshots: {
      get: (id) => answer(() => alive(tables.snapshots[id])),
      ofVolume: (volumeId) =>
        answer(() => Object.values(tables.snapshots).filter((row) => row.volume_id === volumeId && !row.deleted)),
      among: (ids) => answer(() => ids.flatMap((id) => alive(tables.snapshots[id]) ?? [])),
      update: (id, changes, expected) => answer(() => update(tables.snapshots, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.snapshots, id)),
      metadata: (id) => answer(() => tables.values[`metadata ${id}`] ?? {}),
    },
    volumeTypes: {
      get: (id) => answer(() => tables.volumeTypes[id] ?? null),
      qosSpecs: (id) => answer(() => tables.qosSpecs[id] ?? null),
      encryption: (id) => answer(() => tables.encryption[id] ?? null),
    },
    attachments: attachments(tables),
    backups: {
      get: (id) => answer(() => alive(tables.backups[id])),
      update: (id, changes, expected) => answer(() => update(tables.backups, id, changes, expected)),
    },
    glanceMetadata: {
      of: (owner) => answer(() => tables.values[glanceKey(owner)] ?? {}),
      copy: (from, to) =>
        answer(() => {
          const values = { ...tables.values[glanceKey(from)], ...tables.values[glanceKey(to)] };
          if (Object.keys(values).length > 0) tables.values[glanceKey(to)] = values;
        }),
      remove: (owner) => answer(() => void Reflect.deleteProperty(tables.values, glanceKey(owner))),
      replace: (owner, values) => answer(() => void (tables.values[glanceKey(owner)] = { ...values })),
    },
    imageCache: imageCache(tables),
    quotas: {
      adjust: (project, deltas) =>
        answer(() => {
          for (const [resource, delta] of Object.entries(deltas)) {
            tables.quotas[`${project} ${resource}`] = (tables.quotas[`${project} ${resource}`] ?? 0) + delta;
          }
        }),
      limits: (project, resources) => answer(() => ofProject(tables.limits, project, resources)),
      usage: (project) =>
        answer(() => {
          const used = Object.entries(ofProject(tables.quotas, project));
          return Object.fromEntries(used.map(([resource, inUse]) => [resource, { inUse, reserved: 0 }]));
        }),
      commit: (ids) => answer(() => settleReservations(tables, ids, 1)),
      rollback: (ids) => answer(() => settleReservations(tables, ids, 0)),
    },
    workers: {
      create: (type, id, status) => answer(() => void (tables.workers[`${type} ${id}`] = status)),
      drop: (type, id) => answer(() => void Reflect.deleteProperty(tables.workers, `${type} ${id}`)),
      setStatus: (type, id, status) => answer(() => void (tables.workers[`${type} ${id}`] = status)),
    },
    messages: { create: (message) => answer(() => void tables.messages.push(message)) },
  };
}

function ofProject(
  values: Readonly<Record<string, number>>,
  project: string,
  resources?: readonly string[],
): Record<string, number> {
  const own = Object.entries(values).flatMap(([key, value]) => {
    const resource = key.startsWith(`${project} `) ? key.slice(project.length + 1) : null;
    const isMeant = resource !== null && (resources === undefined || resources.includes(resource));
    return isMeant ? [[resource, value] as const] : [];
  });
  return Object.fromEntries(own);
}

function settleReservations(tables: Tables, ids: readonly string[], factor: 0 | 1): void {
  for (const id of ids) {
    const found = tables.reservations[id];
    if (found === undefined) continue;
    tables.quotas[found.of] = (tables.quotas[found.of] ?? 0) + factor * found.delta;
    Reflect.deleteProperty(tables.reservations, id);
  }
}

function attachments(tables: Tables): Fakes['attachments'] {
  return {
    ofVolume: (id) =>
      answer(() => Object.values(tables.attachments).filter((row) => row.volume_id === id && !row.deleted)),
    get: (id) => answer(() => alive(tables.attachments[id])),
    create: (row) =>
      answer(() => {
        if (tables.attachments[row.id] !== undefined) throw new Error(`attachment ${row.id} is there already`);
        tables.attachments[row.id] = { ...noAttachment, ...row };
      }),
    update: (id, changes) => answer(() => update(tables.attachments, id, changes)),
    destroy: (id) => answer(() => update(tables.attachments, id, { attach_status: 'detached', deleted: true })),
  };
}

const noVolume = { deleted: false, provider_location: null, launched_at: null };

const noAttachment = {
  ...{ created_at: CLOCK, updated_at: null, deleted_at: null, deleted: false },
  ...{ instance_uuid: null, attached_host: null, mountpoint: null, attach_time: null, detach_time: null },
  ...{ attach_mode: null, attach_status: null, connection_info: null, connector: null },
};

function imageCache(tables: Tables): Fakes['imageCache'] {
  const isOf = (row: ImageCacheEntry, of: ImageCacheOf): boolean =>
    'host' in of ? row.host === of.host : row.cluster_name === of.cluster_name;
  const all = (of: ImageCacheOf): ImageCacheEntry[] =>
    tables.imageCache.filter((row) => isOf(row, of)).toSorted((a, b) => (a.last_used < b.last_used ? 1 : -1));
  return {
    find: (of, imageId) => answer(() => all(of).find((row) => row.image_id === imageId) ?? null),
    used: (id) =>
      answer(() => {
        tables.imageCache = tables.imageCache.map((row) => (row.id === id ? { ...row, last_used: CLOCK } : row));
      }),
    list: (of) => answer(() => all(of)),
    create: (entry) =>
      answer(() => void tables.imageCache.push({ ...entry, id: tables.imageCache.length + 100, last_used: CLOCK })),
    removeByVolume: (volumeId) =>
      answer(() => {
        const before = tables.imageCache.length;
        tables.imageCache = tables.imageCache.filter((row) => row.volume_id !== volumeId);
        return before - tables.imageCache.length;
      }),
  };
}

function groups(tables: Tables): Faked<GroupRepositories> {
  const idsOf = <Row extends Volume | Snapshot>(rows: Record<string, Row>, isMember: (row: Row) => boolean): string[] =>
    Object.values(rows).flatMap((row) => (!row.deleted && isMember(row) ? [row.id] : []));
  return {
    groups: {
      get: (id) => answer(() => alive(tables.groups[id])),
      update: (id, changes, expected) => answer(() => update(tables.groups, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.groups, id)),
      volumeIds: (id) => answer(() => idsOf(tables.volumes, (row) => row.group_id === id)),
      typeName: (id) => answer(() => tables.groupTypes[id] ?? null),
    },
    groupSnapshots: {
      get: (id) => answer(() => alive(tables.groupSnapshots[id])),
      update: (id, changes, expected) => answer(() => update(tables.groupSnapshots, id, changes, expected)),
      destroy: (id) => answer(() => destroy(tables.groupSnapshots, id)),
      snapshotIds: (id) => answer(() => idsOf(tables.snapshots, (row) => row.group_snapshot_id === id)),
    },
  };
}

function services(tables: Tables): Faked<ServiceRepositories> {
  return {
    services: {
      get: (id) => answer(() => tables.services[id] ?? null),
      list: () => answer(() => Object.values(tables.services).map((row) => ({ ...row, age_ms: 0 }))),
      update: (id, changes) => answer(() => void Object.assign(tables.services[id] ?? {}, changes)),
      updateMembers: ({ cluster }, changes, expected) =>
        answer(() => {
          const members = Object.values(tables.services).filter((row) => row.cluster_name === cluster);
          for (const row of members) if (fits(row, expected)) Object.assign(row, changes);
        }),
    },
    clusters: {
      get: (name) => answer(() => tables.clusters[name] ?? null),
      update: (name, _binary, changes) => answer(() => void Object.assign(tables.clusters[name] ?? {}, changes)),
    },
  };
}

function volumes(tables: Tables): Fakes['volumes'] {
  return {
    list: ({ backend, limit, after = '' }) =>
      answer(() =>
        Object.values(tables.volumes)
          .filter((row) => !row.deleted && row.id > after && row.host?.split('#')[0] === backend)
          .toSorted((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit),
      ),
    get: (id) => answer(() => alive(tables.volumes[id])),
    lock: (id) => answer(() => alive(tables.volumes[id])),
    create: (row) => answer(() => void (tables.volumes[row.id] = { ...noVolume, ...row } as Volume)),
    update: (id, changes, expected) => answer(() => update(tables.volumes, id, changes, expected)),
    updateGuarded: (_claim, id, changes, expected) => answer(() => update(tables.volumes, id, changes, expected)),
    destroy: (id) =>
      answer(() => {
        const count = destroy(tables.volumes, id);
        for (const row of Object.values(tables.snapshots)) if (row.volume_id === id) destroy(tables.snapshots, row.id);
        for (const kind of ['metadata', 'admin_metadata', 'glance']) {
          Reflect.deleteProperty(tables.values, `${kind} ${id}`);
        }
        return count;
      }),
    metadata: (id, kind) => answer(() => tables.values[`${kind} ${id}`] ?? {}),
    mergeMetadata: (id, kind, changes) =>
      answer(() => {
        const merged = Object.entries({ ...tables.values[`${kind} ${id}`], ...changes });
        tables.values[`${kind} ${id}`] = Object.fromEntries(merged.filter(([, value]) => value !== null));
      }),
    named: (nameIds) =>
      answer(() =>
        Object.values(tables.volumes).filter(
          (row) => !row.deleted && [row.id, row._name_id ?? row.id].some((id) => nameIds.includes(id)),
        ),
      ),
    provisionedByLocation: (locations) => answer(() => new Map(locations.map((location) => [location, 0]))),
  };
}

/** Any row of a table with an id and a mark of its deletion. */
type Soft = Volume | Snapshot | Group | GroupSnapshot | VolumeAttachment | Backup;

function update<Row extends Soft>(
  rows: Record<string, Row>,
  id: string,
  changes: object,
  expected: object = {},
): number {
  const row = alive(rows[id]);
  if (row === null || !fits(row, expected)) return 0;
  const values = Object.entries(changes).map(([column, value]) => [column, value === now ? CLOCK : value] as const);
  rows[id] = { ...row, ...Object.fromEntries(values) };
  return 1;
}

function fits(row: object, expected: object): boolean {
  return Object.entries(expected).every(([column, value]: [string, unknown]) => {
    const found: unknown = Reflect.get(row, column);
    return Array.isArray(value) ? value.includes(found) : value === found;
  });
}

function destroy<Row extends Soft>(rows: Record<string, Row>, id: string): number {
  const row = alive(rows[id]);
  if (row === null) return 0;
  rows[id] = { ...row, status: 'deleted', deleted: true };
  return 1;
}

function alive<Row extends { readonly deleted: boolean }>(row: Row | undefined): Row | null {
  return row === undefined || row.deleted ? null : row;
}

function glanceKey(owner: GlanceOwner): string {
  return `glance ${'volumeId' in owner ? owner.volumeId : owner.snapshotId}`;
}

function answer<T>(statement: () => T): Promise<T> {
  return Promise.resolve(statement());
}
