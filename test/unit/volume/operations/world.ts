import { Value } from '@sinclair/typebox/value';
import { sortLockNames } from '../../../../src/coordination/lock-names.ts';
import type { LockName } from '../../../../src/coordination/lock-names.ts';
import { DatabaseError } from '../../../../src/db/database.ts';
import type { RequestContext } from '../../../../src/domain/context.ts';
import type { Claim, WorkedOn } from '../../../../src/db/ports/custody.ts';
import type { JsonObject } from '../../../../src/domain/json.ts';
import { AppError, toError } from '../../../../src/kernel/errors.ts';
import { OpenStackError } from '../../../../src/openstack/openstack-error.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import type { MessageMaker } from '../../../../src/rpc/notifier.ts';
import type {
  Backend,
  ImageCacheSettings,
  NothingToDo,
  Operation,
  OperationPorts,
  Scope,
} from '../../../../src/volume/operation.ts';
import type { Compute } from '../../../../src/volume/compute.ts';
import { operations } from '../../../../src/volume/operations/index.ts';
import { Provisioned } from '../../../../src/volume/provisioned.ts';
import { RowLooks } from '../../../../src/volume/row-looks.ts';
import { FakeResources } from '../../../support/fake-resources.ts';
import type { Tables } from '../../../support/fake-resources/tables.ts';
import { FakeDriver } from './fake-driver.ts';
import { FakePeers } from './fake-peers.ts';
import { FakeImages } from './fake-images.ts';
import { HOST } from './rows.ts';

export interface WorldOptions {
  readonly tables: Partial<Tables>;
  readonly files?: Readonly<Record<string, string>>;
  readonly ready?: boolean;
  readonly cluster?: string;
  readonly noSnapshotGbQuota?: boolean;
  readonly notifies?: boolean;
  readonly imageCache?: ImageCacheSettings;
}

/** One replica with a database and a share, and a door as narrow as can be: what it gives back it takes up again. */
export class World {
  readonly db: FakeResources;
  readonly driver = new FakeDriver();
  readonly images = new FakeImages();
  readonly peers: FakePeers;
  readonly ports: OperationPorts;
  /** The locks of the last run, sorted. */
  locks: readonly LockName[] = [];
  reports = 0;
  /** What Nova does when it is asked. */
  swapVolume: Compute['swapVolume'] = () => Promise.reject(new OpenStackError('no Nova', { outcome: 'failed' }));
  volumeReimaged: Compute['volumeReimaged'] = (done) => Promise.resolve(void this.told.push(done.serverId));
  /** The servers that Nova was told of. */
  readonly told: string[] = [];
  attempts = 0;
  idle: string | null = null;

  constructor(options: WorldOptions) {
    this.db = new FakeResources(structuredClone(options.tables));
    for (const [name, content] of Object.entries(options.files ?? {})) this.driver.files.set(name, content);
    const backend: Backend = {
      name: 'nfs1',
      host: HOST,
      cluster: options.cluster ?? null,
      workOf: options.cluster ?? HOST,
      driver: this.driver,
      ready: () => options.ready ?? true,
      service: { id: 7, uuid: 'service-uuid' },
      capabilitiesChanged: () => void (this.reports += 1),
    };
    const settings = {
      noSnapshotGbQuota: options.noSnapshotGbQuota ?? false,
      messageTtlSeconds: 60,
      migrationTimeoutMs: 300,
      connector: { host: 'ctl' },
    };
    this.peers = new FakePeers(this.db, this.driver);
    this.ports = {
      db: this.db.statements,
      backend,
      messages: { ...fakeMessages, enabled: options.notifies ?? true },
      peers: this.peers,
      compute: {
        swapVolume: (...asked) => this.swapVolume(...asked),
        volumeReimaged: (...told) => this.volumeReimaged(...told),
      },
      objects: {
        volume: ({ id, host, status }) => ({ id, host, status }),
        attachment: (attachment, volume) => ({ id: attachment.id, volume: volume.id }),
        manageable: (kind, entry) => ({ kind, ...entry }),
        backupDevice: (volume, secure) => ({ volume: volume.id, status: volume.status, secure }),
      },
      images: this.images,
      keys: { get: (_caller, id) => Promise.resolve(Buffer.from(id)) },
      imageCache: options.imageCache ?? null,
      provisioned: new Provisioned(this.db.statements.volumes, { nowMs: () => 0 }),
      settings,
    };
  }

  /** Until the entry is ended, by however many owners. */
  async carry(name: string, args: JsonObject): Promise<this> {
    const operation = operations.find((candidate) => candidate.name === name);
    if (operation === undefined) throw new Error(`no operation ${name}`);
    if (!Value.Check(operation.args, args)) throw new Error(`arguments of ${name} do not fit`);
    while (this.db.tables.entry.outcome === null) {
      this.attempts += 1;
      if (this.attempts > 20) throw new Error(`${name} never ends`);
      try {
        await this.#once(operation, args);
      } catch (thrown) {
        if (!isUnknown(thrown)) throw thrown;
      }
    }
    return this;
  }

  async #once(operation: Operation, args: JsonObject): Promise<void> {
    const typed = args as never;
    const rows = new RowLooks(this.ports.db);
    this.locks = sortLockNames(await operation.locks(typed, this.ports, rows));
    this.driver.held = new Set(this.locks);
    const { type, id } = operation.resource(typed);
    if (operation.workerStatus !== undefined) this.db.tables.workers[`${type} ${id}`] = operation.workerStatus;
    const state = await operation.load(typed, this.ports, rows);
    const worked = operation.workerStatus === undefined ? undefined : { resourceType: type, resourceId: id };
    if (isIdle(state)) return this.#end(state, worked);
    const scope = this.#scope(args);
    const result = await operation.run(state, scope, this.ports).then(
      (value) => ({ ok: true, value }) as const,
      (thrown: unknown) => {
        if (isUnknown(thrown)) throw toError(thrown);
        return { ok: false, error: toError(thrown) } as const;
      },
    );
    const settlement = await operation.settle(state, result, scope, this.ports);
    await this.db.transaction(async (db) => {
      await db.journal.finish(scope.claim, settlement.outcome, settlement.detail, worked);
      await settlement.apply(db);
      if (settlement.outbox.length > 0) await db.outbox.add(settlement.outbox, 'me');
    });
    settlement.after?.();
  }

  /** As the next owner finds it. */
  get #claim(): Claim {
    return { entryId: '1', number: 1, tokens: new Map(), notes: structuredClone(this.db.tables.notes) };
  }

  async #end({ nothingToDo }: NothingToDo, worked: WorkedOn | undefined): Promise<void> {
    this.idle = nothingToDo;
    await this.db.statements.journal.finish(this.#claim, 'done', nothingToDo, worked);
  }

  #scope(args: JsonObject): Scope {
    const claim = this.#claim;
    const { signal } = new AbortController();
    const guard = { signal, provableUntilMs: () => Infinity, commitPoint: () => Promise.resolve() };
    return {
      signal,
      context,
      wire: { args, context: { request_id: context.request_id } },
      claim,
      owner: 'me',
      log: silentLogger,
      work: {
        ...guard,
        ownerTag: 't1',
        snapshotsOf: (id) => this.ports.db.snapshots.ofVolume(id),
        snapshotsWith: (ids) => this.ports.db.snapshots.among(ids),
        ownersOf: (ids) => this.ports.db.volumes.named(ids),
        log: silentLogger,
      },
      save: (write) => this.db.transaction(write),
      saveVolume: (id, changes, expected) => this.db.statements.volumes.updateGuarded(claim, id, changes, expected),
      note: (notes) => this.db.statements.journal.note(claim, notes),
      park: (wait) => wait(),
    };
  }

  /** What is left when all is over: rows, quota, files, messages. */
  endState(): object {
    return { ...this.db.tables, files: Object.fromEntries(this.driver.files) };
  }

  /** The types of the events that went out, in order. */
  events(): readonly string[] {
    return this.db.tables.outbox.map(({ topic }) => topic);
  }
}

export const context: RequestContext = {
  user_id: 'user',
  project_id: 'project',
  project_name: null,
  domain_id: null,
  user_domain_id: null,
  project_domain_id: null,
  is_admin: false,
  roles: [],
  read_deleted: 'no',
  remote_address: null,
  timestamp: '2026-01-01T00:00:00.000000',
  quota_class: null,
  request_id: 'req-1',
  global_request_id: null,
  auth_token: null,
  message_resource_id: null,
  message_resource_type: null,
  message_action: null,
};

/** Messages whose topic is the event's type, or the method's name. */
const fakeMessages: MessageMaker = {
  enabled: true,
  notification: (caller, publisher_id, topic, payload) => [
    {
      uniqueId: topic,
      kind: 'notification',
      topic,
      server: null,
      payload: { publisher_id, admin: caller.is_admin, ...payload, ...withoutClock(payload) },
    },
  ],
  cast: (wireContext, target, method, version, args) => ({
    uniqueId: method,
    kind: 'cast',
    topic: `${target.topic}.${method}`,
    server: target.server ?? null,
    payload: { context: wireContext, version, args },
  }),
  fanout: (wireContext, topic, method, version, args) => ({
    uniqueId: method,
    kind: 'fanout',
    topic: `${topic}.${method}`,
    server: null,
    payload: { context: wireContext, version, args },
  }),
};

/** Times that are this machine's and not the database's cannot be compared. */
function withoutClock({ launched_at, created_at }: JsonObject): JsonObject {
  const isOfRow = typeof created_at !== 'string' || created_at.startsWith('2026-01-0');
  return { launched_at: typeof launched_at, ...(!isOfRow && { created_at: 'now' }) };
}

function isUnknown(thrown: unknown): boolean {
  if (thrown instanceof AppError) return thrown instanceof DatabaseError || thrown.outcome === 'unknown';
  // A fault of the test or of the program: never carried on.
  return false;
}

function isIdle(state: unknown): state is NothingToDo {
  return typeof state === 'object' && state !== null && 'nothingToDo' in state;
}
