import type { JsonObject } from '../../domain/json.ts';

/**
 * Custody: who answers for a request, from its arrival to its end.
 *
 * - *incarnation*: one run of one process; a row with a heartbeat. An owner is an incarnation, never a services row.
 * - *journal entry*: a cast that some replica has received. Committed before the message is acknowledged.
 * - *claim*: the right to carry an entry on, a number that grows each time somebody takes it under the locks.
 * - *fencing token*: a number per lock name, minted under the lock in the same statement as the claim. Who holds a
 *   smaller one than the database is a predecessor, and stops.
 * - *outbox*: messages that a settlement decided to send, kept until the broker has confirmed them.
 */
export interface CustodyRepositories {
  readonly journal: JournalRepository;
  readonly fence: FenceRepository;
  readonly outbox: OutboxRepository;
  readonly incarnations: IncarnationRepository;
}

/** A request as it goes into the journal: the wire's own text without the auth token. */
export interface NewEntry {
  /** oslo's `_unique_id`: a message that comes twice is one entry. */
  readonly uniqueId: string;
  readonly method: string;
  readonly version: string;
  /** `host@backend` or `cluster@backend`: every replica that serves it may carry the entry on. */
  readonly backend: string;
  /** Arguments as they stood in the message. */
  readonly args: JsonObject;
  /** `_context_*` without prefix and without `auth_token`. */
  readonly context: JsonObject;
  /** What the operation works on, for look-ups and reports (`Volume`, `Snapshot`, …). */
  readonly resourceType: string;
  readonly resourceId: string;
  /** `message`: from the queue; `reconcile`: a row that nobody carried; `peer`: a dead Python peer's workers row. */
  readonly origin: 'message' | 'reconcile' | 'peer';
}

export interface JournalEntry extends NewEntry {
  /** A decimal number that grows with arrival. */
  readonly id: string;
  /** The incarnation that is to run it, or null: given back, free for anybody. */
  readonly owner: string | null;
  /** How often it was claimed; the newest claim's number. */
  readonly claim: number;
  /** Intents and findings that a successor must know (`note`). */
  readonly notes: JsonObject;
  readonly receivedAt: string;
}

/** The claim of an entry, with the tokens minted beside it. */
export interface Claim {
  readonly entryId: string;
  readonly number: number;
  readonly tokens: ReadonlyMap<string, bigint>;
  /** Notes of the predecessors, read under the lock. */
  readonly notes: JsonObject;
}

/** What a workers row is of. */
export interface WorkedOn {
  readonly resourceType: string;
  readonly resourceId: string;
}

/** Upstream's workers row, kept for upstream's eyes; claimed with the entry, dropped when it is finished. */
export interface WorkerClaim extends WorkedOn {
  readonly status: string;
  readonly serviceId: number;
}

export type EntryOutcome = 'done' | 'refused';

export interface JournalRepository {
  /** Commits entries; answers with the uniqueIds that were new. The others are duplicates and belong to somebody. */
  receive(entries: readonly NewEntry[], owner: string): Promise<readonly JournalEntry[]>;
  /**
   * One statement: takes the next claim of an unfinished entry, mints a token for each lock name, upserts the workers
   * row. Null: the entry is finished (or gone), nothing is left to do. Call it under the locks only.
   */
  claim(entryId: string, owner: string, lockNames: readonly string[], worker?: WorkerClaim): Promise<Claim | null>;
  /** Adds to the entry's notes, if the claim is the newest; else `ClaimLostError`. */
  note(claim: Claim, notes: JsonObject): Promise<void>;
  /**
   * Inside the settlement's transaction: ends the entry if claim and tokens are the newest; else `ClaimLostError`. With
   * it goes the workers row of `worked`, if the claim made one.
   */
  finish(claim: Claim, outcome: EntryOutcome, detail: string | null, worked?: WorkedOn): Promise<void>;
  /** Ends an entry that was never claimed and cannot be run (its arguments do not decode). */
  refuse(entryId: string, detail: string): Promise<void>;
  /** Frees the owner's unfinished entries (or one) for anybody; claims stay valid until somebody takes the next. */
  giveBack(owner: string, entryId?: string): Promise<number>;
  /** Makes `owner` the runner of free entries and of entries whose owner is silent or gone. Claims are not touched. */
  adopt(owner: string, backends: readonly string[], silentMs: number, limit: number): Promise<readonly JournalEntry[]>;
  /** The entry's end, for somebody who does not know whether its own commit arrived. */
  outcomeOf(entryId: string): Promise<{ outcome: EntryOutcome | null; claim: number } | null>;
  /** The end of the message's entry; null: there is no such entry. `outcome` null: it has not ended. */
  endOf(uniqueId: string): Promise<{ outcome: EntryOutcome | null; detail: string | null } | null>;
  /** Unfinished entries, oldest first, for status and reports. */
  unfinished(backends: readonly string[], limit: number): Promise<readonly JournalEntry[]>;
  /** Removes finished entries that are older than `ageMs` (duplicates are recognised until then). */
  purge(ageMs: number, limit: number): Promise<number>;
}

export interface FenceRepository {
  /** Tokens for work without an entry (a call, the command line). Call it under the locks only. */
  mint(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  /** Throws `ClaimLostError` unless every token, and the claim where there is one, is the newest. */
  check(tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<void>;
  /** The newest tokens of these names, of those that have one; for operators. */
  newest(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  purge(ageMs: number, limit: number): Promise<number>;
}

export type MessageKind = 'cast' | 'fanout' | 'notification' | 'reply';

/** A message to be sent after a commit; `uniqueId` is fixed here, so that a resent one is known as a duplicate. */
export interface OutboxMessage {
  readonly uniqueId: string;
  readonly kind: MessageKind;
  /** Topic, or the reply queue's name. */
  readonly topic: string;
  readonly server: string | null;
  /** The whole payload (method, args, version, context / event), as JSON. */
  readonly payload: JsonObject;
}

export interface OutboxRepository {
  add(messages: readonly OutboxMessage[], owner: string): Promise<void>;
  /** Messages of these kinds, of this owner and of owners that are silent or gone, oldest first. */
  pending(
    owner: string,
    silentMs: number,
    limit: number,
    kinds?: readonly MessageKind[],
  ): Promise<readonly OutboxMessage[]>;
  sent(uniqueIds: readonly string[]): Promise<void>;
}

/** One run of one process. */
export interface NewIncarnation {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** `host@backend` or `cluster@backend` of each backend; members with one in common must exclude one another. */
  readonly serves: readonly string[];
}

export interface Incarnation extends NewIncarnation {
  readonly startedAt: string;
  readonly beatAgeMs: number;
  /** By its own word: it holds its probe lock, which nobody else can take who locks where it does. */
  readonly holdsProbe: boolean;
}

export interface IncarnationRepository {
  register(incarnation: NewIncarnation): Promise<void>;
  beat(id: string): Promise<void>;
  /** Says whether `id` holds its probe lock; nothing where it has no row. */
  setProbe(id: string, holds: boolean): Promise<void>;
  list(): Promise<readonly Incarnation[]>;
  /** A clean end. */
  remove(id: string): Promise<void>;
  /** Removes rows that have been silent for `ageMs`: of processes that had no clean end. */
  purge(ageMs: number, limit: number): Promise<number>;
}
