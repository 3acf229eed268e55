import { LeaseLostError, type Coordinator, type Lease } from '../../src/coordination/coordinator.ts';
import type { LockName } from '../../src/coordination/lock-names.ts';
import { ClaimLostError, DatabaseError, type Database, type Repositories } from '../../src/db/database.ts';
import type { Claim, JournalEntry } from '../../src/db/ports/custody.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import type { RemoteFsParts } from '../../src/drivers/remotefs/parts.ts';
import { ShareError } from '../../src/drivers/share/share-error.ts';
import type { ImageFacts } from '../../src/drivers/share/share-protocol.ts';
import type { QemuImg } from '../../src/drivers/qemu-img.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { NotSettledError } from '../../src/volume/row-moves.ts';
import type { Answer, Ask, DatabaseAsk, FileContent, ShareArgs, ShareAsk } from './asks.ts';
import { base } from './scenario.ts';

type Asking = (ask: Ask) => Promise<Json>;

/** A failed answer as the real adapters report it. */
export function errorOf({ fail }: Extract<Answer, { readonly fail: string }>): Error {
  if (fail === 'lost') return new ClaimLostError('the claim');
  if (fail === 'moved') return new NotSettledError('the row is not as it was');
  if (fail === 'unknown') return new DatabaseError('no answer', { outcome: 'unknown' });
  const [code, outcome] = fail === 'deadline' ? (['DEADLINE', 'unknown'] as const) : (['ENOENT', 'failed'] as const);
  return new ShareError('share', { code: fail === 'exists' ? 'EEXIST' : code, message: fail, outcome });
}

export interface PlainClaim {
  readonly entryId: string;
  readonly number: number;
  readonly tokens: Readonly<Record<string, number>>;
}

function plainClaim({ entryId, number, tokens }: Claim): JsonObject {
  return { entryId, number, tokens: plainTokens(tokens) };
}

function plainTokens(tokens: ReadonlyMap<string, bigint>): JsonObject {
  return Object.fromEntries([...tokens].map(([name, token]) => [name, Number(token)]));
}

/** One statement inside a transaction, as the world carries it out. */
export type Statement =
  | { readonly do: 'check' | 'finish'; readonly claim: PlainClaim; readonly outcome?: string }
  | {
      readonly do: 'update' | 'destroy';
      readonly table: 'volumes' | 'snapshots';
      readonly id: string;
      readonly status?: string;
      readonly expected?: string;
    };

/**
 * The database as the door knows it. A transaction is one ask: its work runs against a writing pad that answers what it
 * hopes for, and the world does all of it at once or nothing.
 */
export function askingDatabase(asking: Asking): Database {
  const ask = (what: DatabaseAsk, ...args: Json[]): Promise<Json> => asking({ to: 'database', what, args });
  const claim = async (entryId: string, owner: string, names: readonly string[]): Promise<Claim | null> => {
    const answer = (await ask('journal.claim', entryId, owner, [...names])) as unknown as PlainClaim | null;
    if (answer === null) return null;
    const tokens = new Map(Object.entries(answer.tokens).map(([name, token]) => [name, BigInt(token)]));
    return { entryId, number: answer.number, tokens, notes: {} };
  };
  const database = {
    journal: {
      receive: (entries: readonly JsonObject[]) => ask('journal.receive', [...entries]),
      claim,
      adopt: () => ask('journal.adopt'),
      giveBack: (_owner: string, entryId?: string) => ask('journal.giveBack', entryId ?? null),
      outcomeOf: (entryId: string) => ask('journal.outcomeOf', entryId),
      unfinished: () => ask('journal.unfinished') as unknown as Promise<readonly JournalEntry[]>,
    },
    fence: {
      check: (_tokens: unknown, held?: Claim) => ask('fence.check', held === undefined ? null : plainClaim(held)),
    },
    volumes: {
      get: (id: string) => ask('volumes.get', id),
      metadata: () => Promise.resolve({}),
    },
    snapshots: {
      get: (id: string) => ask('snapshots.get', id),
      ofVolume: () => ask('snapshots.ofVolume'),
    },
    transaction: async (work: (statements: Repositories) => Promise<unknown>) => {
      const pad: Statement[] = [];
      await work(writingPad(pad));
      await ask('transaction', pad as unknown as Json);
    },
  };
  return database as unknown as Database;
}

function writingPad(pad: Statement[]): Repositories {
  const table = (name: 'volumes' | 'snapshots') => ({
    update: (id: string, { status }: { status: string }, expected: { status: string }) => {
      pad.push({ do: 'update', table: name, id, status, expected: expected.status });
      return Promise.resolve(1);
    },
    destroy: (id: string) => {
      pad.push({ do: 'destroy', table: name, id });
      return Promise.resolve();
    },
  });
  const statements = {
    journal: {
      finish: (claim: Claim, outcome: string) => {
        pad.push({ do: 'finish', claim: plainClaim(claim) as unknown as PlainClaim, outcome });
        return Promise.resolve();
      },
    },
    volumes: table('volumes'),
    snapshots: table('snapshots'),
  };
  return statements as unknown as Repositories;
}

/** What ends a lease that was asked for: the carrier's clock, and its timer. */
export interface LeaseEnd {
  hasLapsed: boolean;
  readonly ended: AbortController;
}

export function askingCoordinator(asking: Asking, end: () => LeaseEnd): Coordinator {
  const acquire = async (names: readonly LockName[]): Promise<Lease> => {
    await asking({ to: 'locks', what: 'acquire', names });
    const mine = end();
    const assertHeld = (): void => {
      if (mine.hasLapsed) throw new LeaseLostError(names, 'its time is over');
    };
    const release = async (): Promise<'released' | 'lost'> => {
      await asking({ to: 'locks', what: 'release', names });
      return mine.hasLapsed ? 'lost' : 'released';
    };
    const rest = { names, signal: mine.ended.signal, provableUntilMs: Infinity, assertHeld, release };
    return { ...rest, [Symbol.asyncDispose]: () => release().then(() => undefined) };
  };
  return { acquire } as unknown as Coordinator;
}

/** The driver's parts over the model's share. */
export function askingShare(asking: Asking): RemoteFsParts {
  const ask = (what: ShareAsk, args: ShareArgs): Promise<Json> => asking({ to: 'share', what, args });
  const made = new Map<string, FileContent>();
  const write = async (tag: string, name: string, file: FileContent): Promise<void> => {
    made.set(name, file);
    await ask('write', { tag, name, file });
  };
  const verbs: Readonly<Record<string, (args: never) => Promise<unknown>>> = {
    look: ({ tag, also }: { tag: string; also: readonly string[] }) => ask('look', { tag, name: base, also }),
    inspect: async ({ name, temp }: { name: string; temp: boolean }) =>
      temp ? factsOf(name, made.get(name)) : ask('inspect', { tag: '', name }),
    commit: ({ temp, name, how }: { temp: string; name: string; how: 'link' | 'rename' }) =>
      ask('publish', { tag: temp, name, how }),
    replaceFile: async ({ temp, name, text }: { temp: string; name: string; text: string }) => {
      await write(temp, temp, { text });
      return ask('publish', { tag: temp, name, how: 'rename' });
    },
    unlink: ({ names }: { names: readonly string[] }) => ask('unlink', { tag: '', name: names[0] ?? '' }),
    removeTemps: ({ tag }: { tag: string }) => ask('unlink', { tag, name: '' }),
  };
  const call = (verb: string, args: never): Promise<unknown> =>
    (verbs[verb] ?? (() => Promise.reject(new Error(verb))))(args);
  const tempOf = (path: string): string => path.split('/').at(-1) ?? path;
  const qemu: Partial<QemuImg> = {
    createOverlay: ({ path }, backing) => write(tempOf(path), tempOf(path), { backing: backing.name, data: [] }),
    createQcow2: ({ path }) => write(tempOf(path), tempOf(path), { backing: null, data: ['image'] }),
    commit: async ({ path }) => {
      await ask('merge', { tag: '', name: tempOf(path) });
    },
    // Clusters are not in the model.
    freeLeaks: () => Promise.resolve(),
    renameBacking: async ({ path }, backing) => {
      await ask('rebase', { tag: '', name: tempOf(path), backing: backing.name });
    },
  };
  return {
    ...{ share: { call }, qemu, mounts: { remote: false }, folders: { ready: () => Promise.resolve('/share') } },
    ...{ clock: { nowMs: () => 0 }, log: silentLogger, fileMode: () => 0o660, format: 'raw' },
  } as unknown as RemoteFsParts;
}

/** A file as the share helper tells of it; the base file is raw. */
export function factsOf(name: string, file: FileContent | undefined): ImageFacts | null {
  if (file === undefined || 'text' in file) return null;
  const { backing } = file;
  const header = {
    ...{ version: 3, virtualSize: 2 ** 30, backingFile: backing, hasDataFile: false, encryption: null, corrupt: false },
    backingFormat: backing === base ? 'raw' : 'qcow2',
  };
  const common = { name, mode: 0o660, uid: 0, gid: 0, busy: false, luksDataAt: null };
  return { ...common, bytes: name === base ? 2 ** 30 : 2 ** 18, header: backing === null ? null : header };
}
