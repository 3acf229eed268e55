import { setMaxListeners } from 'node:events';
import { DatabaseError, type Database, type Repositories } from '../../src/db/database.ts';
import type { Health } from '../../src/kernel/component.ts';
import { custody } from './fake-database/custody.ts';
import { missing, resources } from './fake-database/resources.ts';
import type { FakeServer, Run, Tables } from './fake-database/server.ts';

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
