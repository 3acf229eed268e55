import type { Ask, Event } from './asks.ts';
import type { Learned } from './learned.ts';
import type { Mistake } from './mistakes.ts';
import type { Message } from './scenario.ts';
import { replicaOf, type WorldState } from './world.ts';

/** One thing that can happen in a state. */
export interface Move {
  /** For the trace. */
  readonly name: string;
  /** It needs somebody or something to fail; all else happens sooner or later. */
  readonly isFault: boolean;
  /** On a copy of the state. @throws Violation */
  run(state: WorldState): Promise<void> | void;
}

export interface Rules {
  readonly learned: Learned;
  readonly messages: readonly Message[];
  readonly mistake: Mistake | undefined;
}

export async function happens(state: WorldState, carrier: string, event: Event, { learned }: Rules): Promise<void> {
  const own = state.carriers[carrier];
  if (own !== undefined) own.place = await learned.after(own.place, event);
}

export function hasBegun(state: WorldState, replica: string, { learned }: Rules): boolean {
  return Object.entries(state.carriers).some(
    ([name, { place }]) => replicaOf(name) === replica && !learned.isRoot(place),
  );
}

export const isWrite = (ask: Ask): boolean =>
  ask.to === 'database' &&
  ['journal.receive', 'journal.claim', 'journal.adopt', 'journal.giveBack', 'transaction'].includes(ask.what);
