import { setMaxListeners } from 'node:events';
import { FifoSemaphore } from '../../src/kernel/fifo-semaphore.ts';
import type { Health } from '../../src/kernel/component.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Snapshot, Volume } from '../../src/domain/rows.ts';
import { ClaimLostError, DatabaseError, type Database, type Repositories } from '../../src/db/database.ts';
import type {
  Claim,
  CustodyRepositories,
  EntryOutcome,
  JournalEntry,
  OutboxMessage,
} from '../../src/db/ports/custody.ts';
import type { Expected, VolumeFilter } from '../../src/db/ports/resources.ts';

type Row = { -readonly [K in keyof JournalEntry]: JournalEntry[K] } & {
  outcome: EntryOutcome | null;
  detail: string | null;
};

interface Tables {
  entries: Map<string, Row>;
  tokens: Map<string, bigint>;
  outbox: Map<string, { message: OutboxMessage; owner: string }>;
  beats: Map<
    string,
    { host: string; pid: number; version: string; serves: readonly string[]; holdsProbe: boolean; atMs: number }
  >;
  volumes: Map<string, Volume>;
  snapshots: Map<string, Snapshot>;
  workers: Map<string, string>;
  nextId: number;
}

/** What the database server holds; every replica has a `FakeDatabase`, its own connection to it. */
export class FakeServer {
  tables: Tables = {
    entries: new Map(),
    tokens: new Map(),
    outbox: new Map(),
    beats: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    workers: new Map(),
    nextId: 1,
  };
  /** Transactions run one after the other: serializable. */
  readonly turn = new FifoSemaphore(1);
  /** Every `journal.receive`, by its number of entries. */
  readonly inserts: number[] = [];

  entry(uniqueId: string): Row | undefined {
    return [...this.tables.entries.values()].find((row) => row.uniqueId === uniqueId);
  }
}

/**
 * `lost-after`: commits, and the answer gets lost. `lost-before`: the connection breaks before the commit. `late`: the
 * connection breaks, and the server commits by `land`.
 */
type Fault = 'lost-after' | 'lost-before' | 'late' | 'failed';

/**
 * The database ports in memory, for tests of custody: all of the custody family, and of Cinder's own tables what these
 * tests need. A missing statement throws its name.
 */
export class FakeDatabase implements Database {
  readonly name = 'fake database';
  readonly #server: FakeServer;
  readonly #never = new AbortController().signal;
  #gate: Promise<void> = Promise.resolve();
  #thaw: (() => void) | undefined;
  readonly #faults: { match: string; fault: Fault; left: number; skip: number }[] = [];
  readonly #late: (() => Promise<unknown>)[] = [];
  /** While true every statement fails at once. */
  down = false;

  constructor(server: FakeServer) {
    this.#server = server;
    setMaxListeners(0, this.#never);
  }

  /** From now on no statement of this connection begins, none that runs commits, and none answers. */
  freeze(): void {
    this.#gate = new Promise((resolve) => (this.#thaw = resolve));
  }

  thaw(): void {
    this.#thaw?.();
  }

  /** `times` statements of this name (`journal.receive`, …, `transaction`), after the next `skip`, meet the fault. */
  fault(match: string, fault: Fault, times = 1, skip = 0): void {
    this.#faults.push({ match, fault, left: times, skip });
  }

  /** Commits what is late. */
  async land(): Promise<void> {
    for (const statement of this.#late.splice(0)) await statement();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  health(): Health {
    return { ok: true };
  }

  transaction<T>(work: (statements: Repositories) => Promise<T>): Promise<T> {
    return this.#atomically('transaction', (tables) => work(repositories(directly(tables, this.#server))));
  }

  time(): Promise<string> {
    return this.#atomically('time', () => Promise.resolve(new Date().toISOString()));
  }

  readonly #own = repositories((name, statement) =>
    this.#atomically(name, (tables) => Promise.resolve(statement(tables, this.#server))),
  );
  readonly journal = this.#own.journal;
  readonly fence = this.#own.fence;
  readonly outbox = this.#own.outbox;
  readonly incarnations = this.#own.incarnations;
  readonly volumes = this.#own.volumes;
  readonly snapshots = this.#own.snapshots;
  readonly workers = this.#own.workers;
  readonly volumeTypes = this.#own.volumeTypes;
  readonly attachments = this.#own.attachments;
  readonly backups = this.#own.backups;
  readonly glanceMetadata = this.#own.glanceMetadata;
  readonly imageCache = this.#own.imageCache;
  readonly groups = this.#own.groups;
  readonly groupSnapshots = this.#own.groupSnapshots;
  readonly quotas = this.#own.quotas;
  readonly messages = this.#own.messages;
  readonly services = this.#own.services;
  readonly clusters = this.#own.clusters;

  async #atomically<T>(name: string, work: (tables: Tables) => Promise<T>): Promise<T> {
    await this.#gate;
    if (this.down) throw new DatabaseError('database is away', { outcome: 'not-started' });
    const release = await this.#server.turn.acquire(this.#never);
    try {
      const gate = this.#gate;
      const draft = structuredClone(this.#server.tables);
      const result = await work(draft);
      if (gate !== this.#gate) throw new DatabaseError('connection lost while frozen', { outcome: 'unknown' });
      const fault = this.#fault(name);
      if (fault === 'failed') throw new DatabaseError(`${name} refused`, { outcome: 'failed' });
      if (fault === 'late') this.#late.push(() => this.#atomically(name, work));
      if (fault === 'lost-before' || fault === 'late')
        throw new DatabaseError(`${name}: connection lost`, { outcome: 'unknown' });
      this.#server.tables = draft;
      if (fault === 'lost-after') throw new DatabaseError(`${name}: connection lost`, { outcome: 'unknown' });
      return result;
    } finally {
      release();
      await this.#gate;
    }
  }

  #fault(name: string): Fault | undefined {
    const found = this.#faults.find(({ match, left }) => match === name && left > 0);
    if (found === undefined) return undefined;
    if (found.skip > 0) {
      found.skip -= 1;
      return undefined;
    }
    found.left -= 1;
    return found.fault;
  }
}

type Run = <T>(name: string, statement: (tables: Tables, server: FakeServer) => T) => Promise<T>;

function directly(tables: Tables, server: FakeServer): Run {
  return async (_name, statement) => {
    await Promise.resolve();
    return statement(tables, server);
  };
}

function repositories(run: Run): Repositories {
  return {
    ...custody(run),
    ...resources(run),
    volumeTypes: missing('volumeTypes'),
    attachments: missing('attachments'),
    backups: missing('backups'),
    glanceMetadata: missing('glanceMetadata'),
    imageCache: missing('imageCache'),
    quotas: missing('quotas'),
    messages: missing('messages'),
    services: missing('services'),
    clusters: missing('clusters'),
  };
}

function custody(run: Run): CustodyRepositories {
  return {
    journal: {
      receive: (entries, owner) =>
        run('journal.receive', (tables, server) => {
          server.inserts.push(entries.length);
          const known = new Set([...tables.entries.values()].map(({ uniqueId }) => uniqueId));
          return entries.flatMap((entry) => {
            if (known.has(entry.uniqueId)) return [];
            known.add(entry.uniqueId);
            const id = String(tables.nextId++);
            const receivedAt = new Date().toISOString();
            const row: Row = { ...entry, id, owner, claim: 0, notes: {}, receivedAt, outcome: null, detail: null };
            tables.entries.set(id, row);
            return [asEntry(row)];
          });
        }),
      claim: (entryId, owner, lockNames, worker) =>
        run('journal.claim', (tables) => {
          const row = tables.entries.get(entryId);
          if (row?.outcome !== null) return null;
          row.claim += 1;
          row.owner = owner;
          if (worker !== undefined) tables.workers.set(worker.resourceId, worker.status);
          return { entryId, number: row.claim, tokens: mint(tables, lockNames), notes: row.notes };
        }),
      note: (claim, notes) =>
        run('journal.note', (tables) => {
          const row = ours(tables, claim);
          row.notes = { ...row.notes, ...notes } satisfies JsonObject;
        }),
      finish: (claim, outcome, detail, worked) =>
        run('journal.finish', (tables) => {
          const row = ours(tables, claim);
          checkTokens(tables, claim.tokens);
          row.outcome = outcome;
          row.detail = detail;
          if (worked !== undefined) tables.workers.delete(worked.resourceId);
        }),
      refuse: (entryId, detail) =>
        run('journal.refuse', (tables) => {
          const row = tables.entries.get(entryId);
          if (row?.claim !== 0 || row.outcome !== null) return;
          row.outcome = 'refused';
          row.detail = detail;
        }),
      giveBack: (owner, entryId) =>
        run('journal.giveBack', (tables) => {
          const rows = [...tables.entries.values()].filter(
            (row) => row.owner === owner && row.outcome === null && (entryId ?? row.id) === row.id,
          );
          for (const row of rows) row.owner = null;
          return rows.length;
        }),
      adopt: (owner, backends, silentMs, limit) =>
        run('journal.adopt', (tables) => {
          const rows = [...tables.entries.values()]
            .filter((row) => row.outcome === null && backends.includes(row.backend))
            .filter((row) => row.owner === null || isSilent(tables, row.owner, silentMs))
            .slice(0, limit);
          for (const row of rows) row.owner = owner;
          return rows.map(asEntry);
        }),
      endOf: (uniqueId) =>
        run('journal.endOf', (tables) => {
          const row = [...tables.entries.values()].find((entry) => entry.uniqueId === uniqueId);
          return row === undefined ? null : { outcome: row.outcome, detail: row.detail };
        }),
      outcomeOf: (entryId) =>
        run('journal.outcomeOf', (tables) => {
          const row = tables.entries.get(entryId);
          return row === undefined ? null : { outcome: row.outcome, claim: row.claim };
        }),
      unfinished: (backends, limit) =>
        run('journal.unfinished', (tables) =>
          [...tables.entries.values()]
            .filter((row) => row.outcome === null && backends.includes(row.backend))
            .slice(0, limit)
            .map(asEntry),
        ),
      purge: () => run('journal.purge', () => 0),
    },
    fence: {
      mint: (lockNames) => run('fence.mint', (tables) => mint(tables, lockNames)),
      check: (tokens, claim) =>
        run('fence.check', (tables) => {
          if (claim !== undefined) ours(tables, claim);
          checkTokens(tables, tokens);
        }),
      newest: (lockNames) =>
        run('fence.newest', (tables) => new Map([...tables.tokens].filter(([name]) => lockNames.includes(name)))),
      purge: () => run('fence.purge', () => 0),
    },
    outbox: {
      add: (messages, owner) =>
        run('outbox.add', (tables) => {
          for (const message of messages) tables.outbox.set(message.uniqueId, { message, owner });
        }),
      pending: (owner, silentMs, limit, kinds) =>
        run('outbox.pending', (tables) =>
          [...tables.outbox.values()]
            .filter((row) => row.owner === owner || isSilent(tables, row.owner, silentMs))
            .filter(({ message }) => kinds?.includes(message.kind) ?? true)
            .slice(0, limit)
            .map(({ message }) => message),
        ),
      sent: (uniqueIds) => run('outbox.sent', (tables) => uniqueIds.forEach((id) => tables.outbox.delete(id))),
    },
    incarnations: {
      register: ({ id, ...rest }) =>
        run(
          'incarnations.register',
          (tables) => void tables.beats.set(id, { ...rest, holdsProbe: false, atMs: performance.now() }),
        ),
      beat: (id) =>
        run('incarnations.beat', (tables) => {
          const row = tables.beats.get(id);
          if (row === undefined) throw new DatabaseError('no such incarnation', { outcome: 'failed' });
          row.atMs = performance.now();
        }),
      setProbe: (id, holds) =>
        run('incarnations.setProbe', (tables) => {
          const row = tables.beats.get(id);
          if (row !== undefined) row.holdsProbe = holds;
        }),
      list: () =>
        run('incarnations.list', (tables) =>
          [...tables.beats].map(([id, { atMs, ...rest }]) => ({
            id,
            ...rest,
            startedAt: '',
            beatAgeMs: performance.now() - atMs,
          })),
        ),
      remove: (id) => run('incarnations.remove', (tables) => void tables.beats.delete(id)),
    },
  };
}

function resources(run: Run): Pick<Repositories, 'volumes' | 'snapshots' | 'workers' | 'groups' | 'groupSnapshots'> {
  const volumes: Partial<Repositories['volumes']> = {
    get: (id) => run('volumes.get', (tables) => tables.volumes.get(id) ?? null),
    create: (row) => run('volumes.create', (tables) => void tables.volumes.set(row.id, row as Volume)),
    update: (id, changes, expected = {}) =>
      run('volumes.update', (tables) => {
        const row = tables.volumes.get(id);
        if (row === undefined || !isAsExpected(row, expected)) return 0;
        tables.volumes.set(id, { ...row, ...(changes as Partial<Volume>) });
        return 1;
      }),
    list: (filter) => run('volumes.list', (tables) => page([...tables.volumes.values()], filter)),
  };
  const snapshots: Partial<Repositories['snapshots']> = {
    create: (row) => run('snapshots.create', (tables) => void tables.snapshots.set(row.id, row as Snapshot)),
    ofVolume: (volumeId) =>
      run('snapshots.ofVolume', (tables) => [...tables.snapshots.values()].filter((row) => row.volume_id === volumeId)),
    list: (filter) => run('snapshots.list', (tables) => page([...tables.snapshots.values()], filter)),
  };
  const workers: Partial<Repositories['workers']> = {
    find: (resource_type, resource_id) =>
      run('workers.find', ({ workers: rows }) => {
        const status = rows.get(resource_id);
        if (status === undefined) return null;
        return { id: 1, resource_type, resource_id, status, service_id: null, updated_at: '', race_preventer: 0 };
      }),
    drop: (_type, id) => run('workers.drop', (tables) => void tables.workers.delete(id)),
  };
  return {
    volumes: missing('volumes', volumes),
    snapshots: missing('snapshots', snapshots),
    workers: missing('workers', workers),
    groups: missing<Repositories['groups']>('groups', { list: () => Promise.resolve([]) }),
    groupSnapshots: missing<Repositories['groupSnapshots']>('groupSnapshots', { list: () => Promise.resolve([]) }),
  };
}

/** `age_ms` is the fake's own column: how old the row claims to be. */
function page<R extends { id: string; status: string | null }>(rows: readonly R[], filter: VolumeFilter): R[] {
  return rows
    .filter((row) => filter.statuses === undefined || filter.statuses.includes(row.status ?? ''))
    .filter((row) => filter.isMigrating !== true || isMigrating(row))
    .filter((row) => filter.olderThanMs === undefined || ageMs(row) >= filter.olderThanMs)
    .filter((row) => filter.backend === undefined || !('host' in row) || String(row.host).startsWith(filter.backend))
    .filter((row) => filter.after === undefined || row.id > filter.after)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, filter.limit);
}

function isMigrating(row: object): boolean {
  return 'migration_status' in row && /^(starting|migrating|completing|target:)/.test(String(row.migration_status));
}

function ageMs(row: object): number {
  return 'age_ms' in row ? Number(row.age_ms) : Infinity;
}

function isAsExpected<R extends object>(row: R, expected: Expected<R>): boolean {
  return Object.entries(expected).every(([key, value]) => {
    const present: unknown = row[key as keyof R];
    return Array.isArray(value) ? value.includes(present) : value === present;
  });
}

function asEntry({ outcome: _outcome, detail: _detail, ...entry }: Row): JournalEntry {
  return { ...entry };
}

function isSilent(tables: Tables, owner: string, silentMs: number): boolean {
  const beat = tables.beats.get(owner);
  return beat === undefined || performance.now() - beat.atMs > silentMs;
}

function mint(tables: Tables, names: readonly string[]): ReadonlyMap<string, bigint> {
  return new Map(
    names.map((name) => {
      const token = (tables.tokens.get(name) ?? 0n) + 1n;
      tables.tokens.set(name, token);
      return [name, token];
    }),
  );
}

function ours(tables: Tables, claim: Claim): Row {
  const row = tables.entries.get(claim.entryId);
  if (row?.claim !== claim.number || row.outcome !== null) throw new ClaimLostError(`entry ${claim.entryId}`);
  return row;
}

function checkTokens(tables: Tables, tokens: ReadonlyMap<string, bigint>): void {
  for (const [name, token] of tokens) if (tables.tokens.get(name) !== token) throw new ClaimLostError(name);
}

/** What is there of a repository; anything else throws its name when it is called. */
function missing<T extends object>(family: string, there: Partial<T> = {}): T {
  return new Proxy(there, {
    get: (target, key) =>
      Reflect.get(target, key) ??
      (() => {
        throw new Error(`${family}.${String(key)} is not in the fake database`);
      }),
  }) as T;
}
