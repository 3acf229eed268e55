import type { Component, Health } from '../kernel/component.ts';
import { AppError } from '../kernel/errors.ts';
import type { Outcome } from '../kernel/errors.ts';
import type { QueueNames } from './queue-names.ts';

/*
 * What carries messages. A transport knows queues by their part in oslo's scheme, not by flags: which of them are
 * durable, replicated or short-lived is decided by its own options, the same for all who declare them.
 */

/**
 * A queue to consume.
 *
 * - `topic`: bound to the topic exchange by its own name; work is shared by all who consume it, and it stays. Where a
 *   restart of the broker takes such queues with it, `copies` names a queue that does not go, and gets a copy of all that
 *   this one gets. Nobody consumes it: copies leave it by their age. Several queues may share one.
 * - `fanout`: bound to `<topic>_fanout`; every reader gets every message. Its name is one of the transport's `names`.
 * - `reply`: of one caller, reached by its name only, which is one of the transport's `names`.
 */
export type QueueSpec =
  | { readonly kind: 'topic'; readonly exchange: string; readonly name: string; readonly copies?: string }
  | { readonly kind: 'fanout'; readonly topic: string; readonly name: string }
  | { readonly kind: 'reply'; readonly name: string };

/** Where a message goes. The queue of a `notification` is declared by whoever publishes, so that none is lost. */
export type Address =
  | { readonly kind: 'topic'; readonly exchange: string; readonly key: string }
  | { readonly kind: 'fanout'; readonly topic: string }
  | { readonly kind: 'queue'; readonly name: string }
  | { readonly kind: 'notification'; readonly exchange: string; readonly key: string };

export interface OutgoingMessage {
  readonly to: Address;
  readonly body: Buffer;
  /** The broker may drop it after so many milliseconds. */
  readonly expirationMs?: number;
  /** Ask whether any queue took it; otherwise a message that nobody gets counts as `delivered`. */
  readonly mandatory?: boolean;
}

/**
 * One message, owed an answer: `ack`, `reject` (drop it) or `requeue`, of which the first counts and the others do
 * nothing. None of them throws: if the way it came is gone, the broker hands the message out again by itself.
 */
export interface Delivery {
  readonly body: Buffer;
  readonly queue: string;
  /** It was handed out before, to us or to another. */
  readonly redelivered: boolean;
  /** What its sender asked for, not what is left of it; null: it never expires. */
  readonly expirationMs: number | null;
  /** Aborts when an answer would not arrive any more: the broker gives the message to somebody else. */
  readonly lost: AbortSignal;
  ack(): void;
  reject(): void;
  requeue(): void;
}

export interface ListenOptions {
  /** For the log. */
  readonly name: string;
  readonly queues: readonly QueueSpec[];
  /** How many un-acked messages each queue may have here. */
  readonly prefetch: number;
  /** Must not throw. */
  readonly onDelivery: (delivery: Delivery) => void;
}

/** Consumers of some queues, restored by themselves after every interruption, with the same names. */
export interface Listener {
  /** Resolves when all queues are declared and consumed for the first time. */
  ready(signal: AbortSignal): Promise<void>;
  /** No new deliveries; those under way can still be answered. */
  cancel(): Promise<void>;
  /** Everything un-acked goes back to its queue; fanout queues with a random name vanish. Safe twice. */
  close(): Promise<void>;
  /** `ok`: every queue is consumed at present. */
  health(): Health;
}

/** `start` resolves when the broker was reached; a broker that goes away later is looked for until `stop`. */
export interface Transport extends Component {
  readonly names: QueueNames;
  /** Begins at once and goes on until `close`. */
  listen(options: ListenOptions): Listener;
  /**
   * Resolves when the broker has taken the message; `unroutable` (only if `mandatory`): it has not, no queue wanted it.
   * Waits for a broker that is away. Rejects with a `PublishError`, whose outcome says whether the message may have
   * gone out; sent again with the same unique id it is one message to oslo's readers.
   */
  publish(message: OutgoingMessage, signal: AbortSignal): Promise<'delivered' | 'unroutable'>;
  /**
   * Shows the body of every copy in the queue, oldest first, and leaves all of them there. No copies are kept, or there
   * is no such queue: it shows none. Rejects where some may not have been shown; so it does for all but one of those who
   * look at the same time. `onCopy` must not throw.
   */
  readCopies(queue: string, onCopy: (body: Buffer) => void, signal: AbortSignal): Promise<void>;
}

/** A message was not confirmed. */
export class PublishError extends AppError {
  readonly code = 'PUBLISH';
  constructor(problem: string, outcome: Outcome, options: ErrorOptions = {}) {
    super(`message not confirmed: ${problem}`, { ...options, outcome });
  }
}

/** For logs: where a message goes. */
export function describeAddress(to: Address): string {
  if (to.kind === 'fanout') return `${to.topic}_fanout`;
  return to.kind === 'queue' ? `queue ${to.name}` : `${to.exchange}/${to.key}`;
}
