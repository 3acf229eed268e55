import zookeeper from 'node-zookeeper-client';
import { raceAbort } from '../../kernel/abort.ts';
import type { ZookeeperSession } from './zookeeper-session.ts';

/** A wait ends by itself after this long: a notice that never came then costs seconds, not for ever. */
const lookAgainMs = 10_000;

/** `look`: the queue has to be read again. */
type Seen = 'gone' | 'look';

/**
 * Watches on nodes before ours in a lock's queue. Each is set once and serves all waits of its connection, so that who
 * comes nearer need not ask again.
 */
export class Predecessors {
  readonly #session: ZookeeperSession;
  readonly #folder: string;
  /** Those that are there still, as far as this connection has told. */
  readonly #watched = new Set<string>();
  #connectionNumber = 0;
  #tell: (seen: Seen, node: string) => void = () => undefined;

  constructor(session: ZookeeperSession, folder: string) {
    this.#session = session;
    this.#folder = folder;
  }

  /**
   * Watches these nodes, in the queue's order, until the first `count` of them are not there any more, or there is a
   * reason to look: a new connection, time that has passed.
   */
  gone(nodes: readonly string[], count: number, signal: AbortSignal): Promise<Seen> {
    const left = new Set(nodes.slice(0, count));
    let stop = (): void => undefined;
    const news = new Promise<Seen>((resolve) => {
      const look = (): void => resolve('look');
      const [forget, timer] = [this.#session.onConnection(look), setTimeout(look, lookAgainMs)];
      stop = () => {
        forget();
        clearTimeout(timer);
      };
      this.#tell = (seen, node) => {
        left.delete(node);
        if (seen === 'look' || left.size === 0) resolve(seen);
      };
      this.#watchAll(nodes);
    });
    return raceAbort(raceAbort(news, signal), this.#session.ended).finally(stop);
  }

  /** Whoever waits no longer leaves nothing behind. */
  close(): void {
    this.#session.unwatch(this.#paths([...this.#watched]), this.#onEvent);
    this.#watched.clear();
  }

  #watchAll(nodes: readonly string[]): void {
    const { connectionNumber } = this.#session;
    if (connectionNumber !== this.#connectionNumber) this.#watched.clear();
    this.#connectionNumber = connectionNumber;
    const fresh = nodes.filter((node) => !this.#watched.has(node));
    if (fresh.length === 0) return;
    for (const node of fresh) this.#watched.add(node);
    const failed = (): void => fresh.forEach((node) => this.#seen('look', node));
    this.#session.watch(this.#paths(fresh), this.#onEvent).catch(failed);
  }

  #paths(nodes: readonly string[]): readonly string[] {
    return nodes.map((node) => `${this.#folder}/${node}`);
  }

  readonly #onEvent = ({ type, path }: zookeeper.Event): void =>
    this.#seen(type === zookeeper.Event.NODE_DELETED ? 'gone' : 'look', path.slice(this.#folder.length + 1));

  #seen(seen: Seen, node: string): void {
    this.#watched.delete(node);
    this.#tell(seen, node);
  }
}
