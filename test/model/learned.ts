import { sideOfEvent, type Ask, type Event } from './asks.ts';
import { Carrier } from './carrier.ts';
import type { Mistake } from './mistakes.ts';
import type { Message } from './scenario.ts';

/** Where the code of one carrier stands: all that has happened to it so far. */
interface Place {
  readonly owner: string;
  readonly message: Message;
  readonly past: readonly Event[];
  readonly asks: ReadonlyMap<string, Ask>;
  readonly next: Map<string, number>;
  /** One that stands exactly here; whoever goes on from here first takes it along. */
  carrier: Carrier | undefined;
}

/**
 * The replicas' code as an automaton that is learned as far as it is needed: what a carrier asks for next follows from what
 * has happened to it. So the real code runs once for every different past, and not for every state of the world.
 */
export class Learned {
  readonly #places: Place[] = [];
  readonly #byPast = new Map<string, number>();
  readonly #mistake: Mistake | undefined;

  constructor(mistake: Mistake | undefined) {
    this.#mistake = mistake;
  }

  /** How many pasts the code was run for. */
  get size(): number {
    return this.#places.length;
  }

  async root(owner: string, message: Message): Promise<number> {
    const carrier = await Carrier.start(owner, message, this.#mistake);
    return this.#add({ owner, message, past: [], carrier });
  }

  asks(place: number): ReadonlyMap<string, Ask> {
    return this.#place(place).asks;
  }

  /** Whether nothing has happened to it yet. */
  isRoot(place: number): boolean {
    return place !== -1 && this.#place(place).past.length === 0;
  }

  /** At once where that has happened before. */
  after(place: number, event: Event): number | Promise<number> {
    const key = JSON.stringify(event);
    return this.#place(place).next.get(key) ?? this.#learn(place, event, key);
  }

  async #learn(number: number, event: Event, key: string): Promise<number> {
    const place = this.#place(number);
    const { owner, message } = place;
    const past = [...place.past, event];
    const pastKey = `${owner} ${message.id} ${JSON.stringify(bySide(past))}`;
    let next = this.#byPast.get(pastKey);
    if (next === undefined) {
      const carrier = place.carrier ?? (await this.#replay(place));
      place.carrier = undefined;
      await carrier.take(event);
      next = this.#add({ owner, message, past, carrier });
      this.#byPast.set(pastKey, next);
    }
    place.next.set(key, next);
    return next;
  }

  async #replay({ owner, message, past }: Place): Promise<Carrier> {
    const carrier = await Carrier.start(owner, message, this.#mistake);
    for (const event of past) await carrier.take(event);
    return carrier;
  }

  #add(place: Omit<Place, 'asks' | 'next' | 'carrier'> & { readonly carrier: Carrier }): number {
    this.#places.push({ ...place, asks: place.carrier.asks(), next: new Map() });
    return this.#places.length - 1;
  }

  #place(number: number): Place {
    const place = this.#places[number];
    if (place === undefined) throw new Error(`no place ${number}`);
    return place;
  }
}

function bySide(past: readonly Event[]): readonly (readonly Event[])[] {
  const of = (side: string): readonly Event[] => past.filter((event) => sideOfEvent(event) === side);
  return [of('intake'), of('run')];
}
