import type { Json } from '../../src/domain/json.ts';

/**
 * What a replica's code asks of the world and waits for: one statement of the database (a transaction is one, with all
 * that it does), one lock, one call to a share. Between two of them nobody can see it, so they are the model's steps.
 */
export type Ask =
  | { readonly to: 'database'; readonly what: DatabaseAsk; readonly args: Json }
  | { readonly to: 'locks'; readonly what: 'acquire' | 'release'; readonly names: readonly string[] }
  | { readonly to: 'share'; readonly what: ShareAsk; readonly args: ShareArgs }
  | { readonly to: 'broker'; readonly what: 'ack' };

export type DatabaseAsk =
  | 'journal.receive'
  | 'journal.claim'
  | 'journal.adopt'
  | 'journal.giveBack'
  | 'journal.outcomeOf'
  | 'journal.unfinished'
  | 'fence.check'
  | 'volumes.get'
  | 'snapshots.get'
  | 'snapshots.ofVolume'
  | 'transaction';

/**
 * `write`: a file under a temporary name, complete. `publish`: the one system call that gives it its name. `merge` and
 * `rebase`: one qemu-img command.
 */
export type ShareAsk = 'look' | 'write' | 'publish' | 'unlink' | 'merge' | 'rebase' | 'inspect';

export interface ShareArgs {
  /** Of the files that this owner has not published. */
  readonly tag: string;
  readonly name: string;
  /** `write`: what the file is. */
  readonly file?: FileContent;
  readonly also?: readonly string[];
  readonly how?: 'link' | 'rename';
  readonly backing?: string;
}

/** An image (what it stands on, what was written into it) or the text of an `.info` file. */
export type FileContent =
  { readonly backing: string | null; readonly data: readonly string[] } | { readonly text: string };

/** `fail`: `unknown`: no answer, it may have been done. `lost`: claim or tokens are not the newest. */
export type Answer =
  { readonly ok: Json } | { readonly fail: 'unknown' | 'lost' | 'moved' | 'deadline' | 'missing' | 'exists' };

/** What happens to one carrier from outside. */
export type Event =
  | { readonly event: 'message' }
  | { readonly event: 'answer'; readonly ask: string; readonly answer: Answer }
  /** It stood still for longer than its lock lasted: its own clock says so from now on. */
  | { readonly event: 'lapse' }
  /** The timer that ends the lease's work has fired. */
  | { readonly event: 'notice' }
  /** The broker has given the message to somebody else. */
  | { readonly event: 'channel lost' };

/**
 * A carrier does two things at a time that do not look at each other: it takes the message in, and it carries the entry.
 * What happened to it is therefore two pasts, whose order among each other decides nothing.
 */
export type Side = 'intake' | 'run';

export function sideOf(ask: Ask): Side {
  return ask.to === 'broker' || (ask.to === 'database' && ask.what === 'journal.receive') ? 'intake' : 'run';
}

export function sideOfEvent(event: Event): Side {
  if (event.event === 'answer') return event.ask.startsWith('intake') ? 'intake' : 'run';
  return event.event === 'message' || event.event === 'channel lost' ? 'intake' : 'run';
}

export function askName(ask: Ask): string {
  if (ask.to === 'share') return `share.${ask.what} ${ask.args.name}`;
  if (ask.to === 'locks') return `locks.${ask.what} ${ask.names.join(', ')}`;
  return ask.to === 'broker' ? 'ack' : ask.what;
}
