import type { Place, VirtualTime } from './virtual-time.ts';

interface Owned {
  readonly token: string;
  untilMs: number;
}

/**
 * A lock service with a time to live for every lock. With `queue` it serves those who ask in the order in which they
 * came first (ZooKeeper, etcd); without, whoever asks when the lock is free (Redis).
 */
export class LockServer {
  readonly place: Place = { name: 'lock server', frozen: false, dead: false };
  /** Locks that were acknowledged and forgotten: their owners cannot know yet. */
  readonly forgotten = new Set<string>();
  readonly #time: VirtualTime;
  readonly #ttlMs: number;
  readonly #queue: boolean;
  readonly #owners = new Map<string, Owned>();
  readonly #waiting = new Map<string, Owned[]>();
  /** All owners that a name ever had, the newest last. */
  readonly #history = new Map<string, string[]>();
  #grants = 0;

  constructor(time: VirtualTime, options: { readonly ttlMs: number; readonly queue: boolean }) {
    this.#time = time;
    this.#ttlMs = options.ttlMs;
    this.#queue = options.queue;
  }

  ownerOf(name: string): string | undefined {
    const owner = this.#owners.get(name);
    return owner !== undefined && owner.untilMs > this.#time.nowMs ? owner.token : undefined;
  }

  get held(): readonly string[] {
    return [...this.#owners.keys()].filter((name) => this.ownerOf(name) !== undefined);
  }

  /** Whether somebody else has owned the lock since `token` had it. */
  wentOn(name: string, token: string): boolean {
    const history = this.#history.get(name) ?? [];
    return history.includes(token) && history.at(-1) !== token;
  }

  /** A number that grows, until the server forgets it. */
  get grants(): number {
    return this.#grants;
  }

  take(name: string, token: string): boolean {
    const owner = this.ownerOf(name);
    if (owner === token) return this.#keep(name, token);
    if (owner !== undefined || (this.#queue && this.#firstIn(name, token) !== token)) {
      if (this.#queue) this.#firstIn(name, token);
      return false;
    }
    this.#grants += 1;
    this.#history.set(name, [...(this.#history.get(name) ?? []), token]);
    return this.#keep(name, token);
  }

  /** @param again set a lock that is gone, which must never be: somebody may have had it meanwhile */
  renew(name: string, token: string, again = false): boolean {
    const owner = this.ownerOf(name);
    return (owner === token || (again && owner === undefined)) && this.#keep(name, token);
  }

  release(name: string, token: string): boolean {
    this.#waiting.set(
      name,
      this.#waitersOf(name).filter((waiter) => waiter.token !== token),
    );
    return this.ownerOf(name) === token && this.#owners.delete(name);
  }

  /** A restart without persistence, or a fail-over to a replica that had nothing yet. */
  forget(): void {
    for (const { token } of this.#owners.values()) this.forgotten.add(token);
    this.#owners.clear();
    this.#waiting.clear();
    this.#grants = 0;
  }

  #keep(name: string, token: string): true {
    this.#owners.set(name, { token, untilMs: this.#time.nowMs + this.#ttlMs });
    this.forgotten.delete(token);
    this.#waiting.set(
      name,
      this.#waitersOf(name).filter((waiter) => waiter.token !== token),
    );
    return true;
  }

  /** Notes that `token` wants the lock; the token of whoever has waited longest. */
  #firstIn(name: string, token: string): string | undefined {
    const waiters = this.#waitersOf(name);
    const untilMs = this.#time.nowMs + this.#ttlMs;
    const known = waiters.find((waiter) => waiter.token === token);
    if (known === undefined) waiters.push({ token, untilMs });
    else known.untilMs = untilMs;
    this.#waiting.set(name, waiters);
    return waiters[0]?.token;
  }

  #waitersOf(name: string): Owned[] {
    return (this.#waiting.get(name) ?? []).filter(({ untilMs }) => untilMs > this.#time.nowMs);
  }
}
