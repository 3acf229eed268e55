/** A simulated process or server: what happens in it waits while it is frozen and is dropped when it is dead. */
export interface Place {
  readonly name: string;
  frozen: boolean;
  dead: boolean;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly place: Place;
  readonly run: () => void;
  cancelled: boolean;
}

type Timers = Pick<typeof globalThis, 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval'>;

/** Taken before any clock is simulated: after it all microtasks have run. */
const realTurn = setImmediate;
const turn = (): Promise<void> => new Promise((resolve) => void realTurn(resolve));

/**
 * One clock for everything that is simulated, which jumps from one happening to the next. While it runs, the timers of
 * the code under test are its own; a timer belongs to the place in which it was set.
 */
export class VirtualTime {
  readonly #world: Place = { name: 'world', frozen: false, dead: false };
  readonly #pending: Happening[] = [];
  /** What came up for places that were frozen. */
  readonly #held = new Map<Place, Happening[]>();
  #nowMs = 0;
  #order = 0;
  #here: Place = this.#world;
  #happened = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  get happened(): number {
    return this.#happened;
  }

  after(ms: number, run: () => void, place: Place = this.#world): Happening {
    const happening = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, place, run, cancelled: false };
    let at = this.#pending.length;
    while (at > 0 && isLater(this.#pending[at - 1], happening)) at -= 1;
    this.#pending.splice(at, 0, happening);
    return happening;
  }

  /** Runs `work` as a part of `place`: timers that it sets are that place's. */
  in(place: Place, work: () => void): void {
    const before = this.#here;
    this.#here = place;
    work();
    this.#here = before;
  }

  thaw(place: Place): void {
    place.frozen = false;
    const held = this.#held.get(place) ?? [];
    this.#held.delete(place);
    for (const { run, cancelled } of held) if (!cancelled) this.after(0, run, place);
  }

  /** Goes on until `untilMs`; after each happening everything that it set off has run. */
  async run(untilMs: number): Promise<void> {
    await turn();
    for (let next = this.#pending[0]; next !== undefined && next.atMs <= untilMs; next = this.#pending[0]) {
      this.#pending.shift();
      this.#nowMs = next.atMs;
      if (this.#let(next)) await turn();
    }
    this.#nowMs = untilMs;
  }

  #let(happening: Happening): boolean {
    const { place, run } = happening;
    if (happening.cancelled || place.dead) return false;
    if (place.frozen) {
      this.#held.set(place, [...(this.#held.get(place) ?? []), happening]);
      return false;
    }
    this.#happened += 1;
    this.#here = place;
    run();
    return true;
  }

  /** From now on every timer is set here, until the function that is returned is called. */
  takeOverTimers(): () => void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const real: Timers = { setTimeout, clearTimeout, setInterval, clearInterval };
    const set = (run: () => void, ms = 0): SimulatedTimer => new SimulatedTimer(this.after(ms, run, this.#here));
    const repeat = (run: () => void, ms = 0): SimulatedTimer => {
      const again = (): void => {
        timer.happening = this.after(ms, again, this.#here);
        run();
      };
      const timer = new SimulatedTimer(this.after(ms, again, this.#here));
      return timer;
    };
    const clear = (timer: unknown): void => {
      if (timer instanceof SimulatedTimer) timer.happening.cancelled = true;
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear, setInterval: repeat, clearInterval: clear });
    return () => Object.assign(globalThis, real);
  }
}

class SimulatedTimer {
  happening: Happening;

  constructor(happening: Happening) {
    this.happening = happening;
  }

  unref(): this {
    return this;
  }
}

function isLater(one: Happening | undefined, other: Happening): boolean {
  return one !== undefined && (one.atMs > other.atMs || (one.atMs === other.atMs && one.order > other.order));
}
