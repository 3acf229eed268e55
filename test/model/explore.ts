import { judgeEnd } from './ending.ts';
import { Learned } from './learned.ts';
import type { Mistake } from './mistakes.ts';
import type { Move, Rules } from './move.ts';
import { movesOf } from './moves.ts';
import type { World } from './worlds.ts';
import { carrierName, Violation, type Budget, type WorldState } from './world.ts';

export interface Finding {
  readonly problem: string;
  /** The shortest way to it. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Different pasts of a carrier for which the real code was run. */
  readonly pasts: number;
  /** Moves from the beginning to the farthest state. */
  readonly depth: number;
  /** Every state within the bounds was seen. */
  readonly isComplete: boolean;
  readonly finding: Finding | undefined;
}

export interface Bounds {
  readonly budget: Partial<Budget>;
  readonly replicas: number;
  readonly mistake?: Mistake;
  /** Moves. */
  readonly depth?: number;
  readonly states?: number;
  /** Moves, by how their names begin, that are made first; everything is tried from there on. */
  readonly begin?: readonly string[];
}

const noFaults: Budget = { kill: 0, freeze: 0, lostAnswer: 0, late: 0, duplicate: 0 };

/** Every state that can be reached within the bounds, the nearest first, until something is wrong. */
export async function explore(world: World, bounds: Bounds): Promise<Exploration> {
  const rules: Rules = { learned: new Learned(bounds.mistake), messages: world.messages, mistake: bounds.mistake };
  const frontier = new Frontier();
  const first = await firstState(world, bounds, rules);
  for (const name of bounds.begin ?? []) await make(first, name, rules);
  frontier.meet(JSON.stringify(first), undefined, '');
  let transitions = 0;
  let isComplete = true;
  const report = (finding?: Finding): Exploration => ({
    ...{ states: frontier.states, transitions, pasts: rules.learned.size, depth: frontier.depth, isComplete, finding },
  });
  for (let here = frontier.take(); here !== undefined; here = frontier.take()) {
    const moves = movesOf(JSON.parse(here.key) as WorldState, rules);
    const problem = problemAtEnd(here, moves, world);
    if (problem !== undefined) return report({ problem, trace: traceTo(here) });
    if (here.depth >= (bounds.depth ?? Infinity) || frontier.states >= (bounds.states ?? Infinity)) {
      isComplete = false;
      continue;
    }
    for (const move of moves) {
      transitions += 1;
      const next = JSON.parse(here.key) as WorldState;
      const wrong = await tried(move, next);
      if (wrong !== undefined) return report({ problem: wrong, trace: [...traceTo(here), move.name] });
      frontier.meet(JSON.stringify(next), here, move.name);
    }
  }
  return report();
}

interface Met {
  /** The state, as text. */
  readonly key: string;
  readonly from: Met | undefined;
  readonly move: string;
  readonly depth: number;
}

/** The states that were met, and those of them that were not looked at yet. */
class Frontier {
  readonly #known = new Set<string>();
  readonly #waiting: Met[] = [];
  #next = 0;
  depth = 0;

  get states(): number {
    return this.#known.size;
  }

  meet(key: string, from: Met | undefined, move: string): void {
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const depth = from === undefined ? 0 : from.depth + 1;
    this.depth = Math.max(this.depth, depth);
    this.#waiting.push({ key, from, move, depth });
  }

  take(): Met | undefined {
    this.#next += 1;
    return this.#waiting[this.#next - 1];
  }
}

/** Where nothing but a fault could still happen. */
function problemAtEnd({ key }: Met, moves: readonly Move[], { expected }: World): string | undefined {
  if (!moves.every(({ isFault }) => isFault)) return undefined;
  try {
    judgeEnd(JSON.parse(key) as WorldState, expected);
    return undefined;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

async function make(state: WorldState, name: string, rules: Rules): Promise<void> {
  const moves = movesOf(state, rules);
  const move = moves.find((one) => one.name.startsWith(name));
  if (move === undefined) throw new Error(`"${name}" is none of ${moves.map((one) => one.name).join('; ')}`);
  await move.run(state);
}

async function tried(move: Move, next: WorldState): Promise<string | undefined> {
  try {
    const done = move.run(next);
    if (done !== undefined) await done;
    return undefined;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

function traceTo(end: Met): readonly string[] {
  const trace: string[] = [];
  for (let one = end; one.from !== undefined; one = one.from) trace.unshift(one.move);
  return trace;
}

async function firstState(world: World, { budget, replicas }: Bounds, { learned }: Rules): Promise<WorldState> {
  const names = Array.from({ length: replicas }, (_, index) => `r${index + 1}`);
  const whole = { ...noFaults, ...budget };
  const carriers: WorldState['carriers'] = {};
  for (const replica of names) {
    for (const message of world.messages) {
      const place = await learned.root(replica, message);
      const calm = { acked: [], held: {}, lease: null, toNotice: false, channelLost: false, wasFrozen: false };
      carriers[carrierName(replica, message.id)] = { place, ...calm };
    }
  }
  const copies = (index: number): number => (index === 0 ? 1 + whole.duplicate : 1);
  return {
    ...world.start,
    queue: world.messages.flatMap(({ id }, index) =>
      Array.from({ length: copies(index) }, () => ({ message: id, to: null })),
    ),
    ...{ entries: {}, tokens: {}, locks: {}, temps: {}, carriers, late: [] },
    replicas: Object.fromEntries(names.map((name) => [name, { at: 'running' }])),
    budget: { ...whole, duplicate: 0 },
  };
}
