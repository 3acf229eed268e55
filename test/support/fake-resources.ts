import { DatabaseError, type Repositories } from '../../src/db/database.ts';
import type { NewEntry, OutboxMessage, WorkedOn } from '../../src/db/ports/custody.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { groups } from './fake-resources/groups.ts';
import { resources } from './fake-resources/resources.ts';
import { answer } from './fake-resources/rows.ts';
import { services } from './fake-resources/services.ts';
import type { Tables } from './fake-resources/tables.ts';

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
