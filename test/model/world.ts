import type { Answer, FileContent } from './asks.ts';
import type { Message } from './scenario.ts';

/** What a lock name's grants were, numbered. */
export interface LockState {
  /** Who holds it, and by which grant; null: nobody. */
  holder: { carrier: string; grant: number } | null;
  grants: number;
  /** The newest grant under which somebody has claimed, and under which somebody has looked at the share. */
  claimed: number;
  looked: number;
}

export interface Entry {
  id: string;
  owner: string | null;
  claim: number;
  outcome: 'done' | 'refused' | null;
}

export interface ReplicaState {
  at: 'running' | 'frozen' | 'dead';
  /** A mistake: `.info` as it looked last. */
  cached?: string | null;
}

export interface CarrierState {
  /** Where its code stands (`Learned`). */
  place: number;
  /** Acknowledgements that are done: the code does not wait for them. */
  acked: readonly string[];
  /** Answers that came while it stood still. */
  held: Record<string, Answer>;
  /** The grant that it works under, as the lock service gave it. */
  lease: { names: readonly string[]; grant: number; lapsed: boolean } | null;
  /** The lease's timer has not fired yet. */
  toNotice: boolean;
  /** The broker gave its message away while it stood still. */
  channelLost: boolean;
  /** It stood still at some time: what it did not notice yet may come. */
  wasFrozen: boolean;
}

/** A call of a process that is dead, which may arrive yet. */
export interface Late {
  readonly carrier: string;
  readonly place: number;
  readonly ask: string;
  readonly lease: CarrierState['lease'];
}

/** How many faults of each kind there may still be. */
export interface Budget {
  kill: number;
  freeze: number;
  /** Answers of the database that get lost after the commit, or connections that break before it. */
  lostAnswer: number;
  /** Calls of the dead that arrive, and system calls on the share that were decided before their owner stood still. */
  late: number;
  /** Messages that the broker delivers once more. */
  duplicate: number;
}

/** Everything there is outside the replicas' own memory; plain data, so that two equal states are seen to be equal. */
export interface WorldState {
  queue: { message: string; to: string | null }[];
  entries: Record<string, Entry>;
  tokens: Record<string, number>;
  locks: Record<string, LockState>;
  volume: string;
  snapshots: Record<string, string>;
  files: Record<string, { backing: string | null; data: string[] }>;
  temps: Record<string, FileContent>;
  info: string | null;
  /** The guest of a volume that is made writes into it once; it has. */
  guestWrote: boolean;
  replicas: Record<string, ReplicaState>;
  carriers: Record<string, CarrierState>;
  late: Late[];
  peer: PeerState | null;
  budget: Budget;
}

/** A Python service: it acknowledges first, locks by the same names, and knows neither journal nor tokens. */
export interface PeerState {
  at: 'idle' | 'has' | 'locked' | 'looked' | 'overlay' | 'info' | 'row' | 'done' | 'dead';
  message: Message | null;
  seen: string | null;
  frozen: boolean;
}

export const carrierName = (replica: string, message: string): string => `${replica} ${message}`;
export const replicaOf = (carrier: string): string => carrier.split(' ')[0] ?? '';
export const messageOf = (carrier: string): string => carrier.split(' ')[1] ?? '';

/** Something that must never happen. */
export class Violation extends Error {}
