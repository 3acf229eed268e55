import { randomUUID } from 'node:crypto';
import zookeeper from 'node-zookeeper-client';
import { never, raceAbort, withTimeout } from '../../kernel/abort.ts';
import type { Keeper } from '../heartbeats.ts';
import { Custody, type HeldLock, type Proof, type ReleaseResult } from '../lock-backend.ts';
import { isZkError } from './zookeeper-client.ts';
import { Predecessors } from './zookeeper-predecessors.ts';
import type { ZookeeperSession } from './zookeeper-session.ts';
import type { ZookeeperKept } from './zookeeper-stand-in.ts';

/** So many of those just before ours are watched. A node's end wakes as many as watch it: a longer queue shall not all wake. */
const near = 3;

/** A removal that finds no connection waits this long for one before it goes on in the background. */
const removeWithinMs = 3000;

type Queue = readonly { readonly node: string; readonly sequence: string }[];

/** kazoo's contenders among a lock's children, first come first: by the sequence's text, whatever the prefix. */
export function contenders(children: readonly string[]): Queue {
  return children
    .flatMap((node) => {
      const sequence = /__lock__(-?\d{10})$/.exec(node)?.[1];
      return sequence === undefined ? [] : [{ node, sequence }];
    })
    .sort((a, b) => (a.sequence < b.sequence ? -1 : a.sequence > b.sequence ? 1 : 0));
}

/**
 * One attempt at one lock in one session: a node of our own, `<uuid hex>__lock__<sequence>`, the watches on the
 * nodes just before it, and the custody once it is the first. The uuid finds the node again when the answer to its creation
 * was lost, so that no nameless node stays and blocks the lock.
 */
export class Contender implements HeldLock {
  readonly #session: ZookeeperSession;
  readonly #folder: string;
  readonly #memberId: string;
  readonly #access: zookeeper.ACL[];
  readonly #heartbeats: Keeper<ZookeeperKept>;
  readonly #onReleased: () => void;
  readonly #before: Predecessors;
  readonly #prefix = randomUUID().replaceAll('-', '');
  readonly #custody = new Custody();
  #node: string | undefined;
  /** Set before the creation is sent, because its answer may be lost. */
  #mayBeQueued = false;
  #released = false;
  #stopGuarding = (): void => undefined;

  constructor(options: {
    session: ZookeeperSession;
    folder: string;
    memberId: string;
    access: zookeeper.ACL[];
    heartbeats: Keeper<ZookeeperKept>;
    onReleased: () => void;
  }) {
    this.#session = options.session;
    this.#folder = options.folder;
    this.#before = new Predecessors(options.session, options.folder);
    this.#memberId = options.memberId;
    this.#access = options.access;
    this.#heartbeats = options.heartbeats;
    this.#onReleased = options.onReleased;
  }

  /** The session's, until the lock is given back or lost. */
  get proof(): Proof {
    return { untilMs: () => Math.min(this.#custody.proof.untilMs(), this.#session.proof.untilMs()) };
  }

  onLost(listener: (why: string) => void): void {
    this.#custody.onLost(listener);
  }

  /** Resolves when the lock is ours. Rejects when `signal` aborts or the session ends; our node is removed then. */
  async win(signal: AbortSignal): Promise<void> {
    await this.#enter(signal, async () => {
      while (!(await this.#isFirst(signal))) this.#throwIfOver(signal);
      return true;
    });
  }

  /** The same without a wait: false, and our node removed, where somebody is before us or the connection broke. */
  tryToWin(signal: AbortSignal): Promise<boolean> {
    return this.#enter(signal, () => this.#isFirstAtOnce(signal));
  }

  async #enter(signal: AbortSignal, comeFirst: () => Promise<boolean>): Promise<boolean> {
    try {
      const isFirst = await comeFirst();
      if (isFirst) {
        await this.#session.whenProven(signal);
        this.#throwIfOver(signal);
        this.#guard();
      } else void this.#remove();
      return isFirst;
    } catch (error) {
      void this.#remove();
      throw error;
    }
  }

  #throwIfOver(signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#session.ended.throwIfAborted();
  }

  async release(): Promise<ReleaseResult> {
    this.#released = true;
    const { lost, proof } = this.#custody;
    proof.end();
    // If it takes longer it goes on in the background, and our proof up to here is what counts.
    const found = await withTimeout('leaving a lock', removeWithinMs, this.#remove()).catch(() => true);
    this.#onReleased();
    return lost || !found ? 'lost' : 'released';
  }

  /** One look at the queue, and if somebody is before us, the wait for a reason to look again. */
  async #isFirst(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#session.whenConnected(signal);
      // Before the first creation there is nothing of ours to look for.
      const found = this.#mayBeQueued ? await raceAbort(this.#list(), signal) : [];
      const queue = this.#placeIn(found) === -1 ? await raceAbort(this.#enqueue(), signal) : found;
      const place = this.#placeIn(queue);
      // The lock's folder was made just now.
      if (place === -1) return false;
      this.#node = queue[place]?.node;
      if (place === 0) return true;
      const before = queue.slice(Math.max(0, place - near), place).map(({ node }) => node);
      const seen = await this.#before.gone(before, place > near ? 1 : before.length, signal);
      // Nobody can come before us any more: sequences only grow. So the lock is ours with the very notice that it is
      // given back. Further back, those before it may still be there.
      return seen === 'gone' && place <= near;
    } catch (error) {
      // The connection broke: whatever was asked is looked up again on the next one.
      if (isZkError(error, 'CONNECTION_LOSS')) return false;
      throw error;
    }
  }

  async #isFirstAtOnce(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#session.whenConnected(signal);
      let queue = await raceAbort(this.#enqueue(), signal);
      // The lock's folder was made just now.
      if (this.#placeIn(queue) === -1) queue = await raceAbort(this.#enqueue(), signal);
      this.#node = queue[this.#placeIn(queue)]?.node;
      return this.#placeIn(queue) === 0;
    } catch (error) {
      if (isZkError(error, 'CONNECTION_LOSS')) return false;
      throw error;
    }
  }

  #placeIn(queue: Queue): number {
    return queue.findIndex(({ node }) => node.startsWith(this.#prefix));
  }

  /** Empty also when the lock's folder is not there yet. */
  async #list(): Promise<Queue> {
    try {
      return contenders(
        await this.#session.call<string[]>('list a lock', (client, done) => client.getChildren(this.#folder, done)),
      );
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return [];
      throw error;
    }
  }

  /** Queues, and lists the queue in the same breath: a session's calls are carried out in order. One round trip. */
  async #enqueue(): Promise<Queue> {
    this.#mayBeQueued = true;
    this.#session.gather();
    const [, queue] = await Promise.all([this.#create(), this.#list()]);
    return queue;
  }

  /** Makes our node, or if it is missing, the lock's folder. */
  async #create(): Promise<void> {
    const path = `${this.#folder}/${this.#prefix}__lock__`;
    const data = Buffer.from(this.#memberId);
    const mode = zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL;
    try {
      await this.#session.call('queue for a lock', (client, done) =>
        client.create(path, data, this.#access, mode, done),
      );
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error;
      await this.#session.call('make a lock', (client, done) => client.mkdirp(this.#folder, this.#access, done));
    }
  }

  /**
   * The lock is ours while the session is proven: hears of the session's end, and from the next heartbeat on of the
   * node's: most locks are given back before, and need not pay for a watch.
   */
  #guard(): void {
    const { proof } = this.#custody;
    proof.extend(Infinity);
    const letGo = this.#heartbeats.keep({ kind: 'node', path: this.#ownPath }, proof, (why) => this.#custody.lose(why));
    const stopProofs = this.#session.onProof(() => {
      stopProofs();
      void this.#watchOwnNode();
    });
    const onEnd = (): void => {
      stopProofs();
      if (!this.#released) this.#custody.lose(String(this.#session.ended.reason));
    };
    this.#session.ended.addEventListener('abort', onEnd);
    this.#stopGuarding = () => {
      letGo();
      stopProofs();
      this.#session.ended.removeEventListener('abort', onEnd);
    };
  }

  get #ownPath(): string {
    return `${this.#folder}/${this.#node ?? ''}`;
  }

  /** An operator may delete the node by hand; then the next contender has the lock. */
  async #watchOwnNode(): Promise<void> {
    if (this.#released) return;
    try {
      await this.#session.call('watch our node', (client, done) =>
        client.getData(this.#ownPath, () => void this.#watchOwnNode(), done),
      );
    } catch (error) {
      if (this.#released) return;
      if (isZkError(error, 'NO_NODE')) {
        this.#custody.lose('its node was deleted');
        return;
      }
      // Looked at again on the next connection of this session, if there is one.
      const stop = this.#session.onConnection(() => {
        stop();
        void this.#watchOwnNode();
      });
    }
  }

  /**
   * Removes our node for certain: tries again on every new connection, until it is gone or the session, which takes
   * it along, has ended. Resolves with whether it was still there.
   */
  #remove(): Promise<boolean> {
    // What others wait for is sent before anything else is done.
    const removed = this.#mayBeQueued ? this.#removeForCertain() : Promise.resolve(true);
    this.#stopGuarding();
    this.#before.close();
    return removed;
  }

  async #removeForCertain(): Promise<boolean> {
    let tries = 0;
    for (;;) {
      try {
        if (!this.#session.connected) await this.#session.whenConnected(never);
        tries += 1;
        return await this.#removeOnce(tries > 1);
      } catch (error) {
        if (this.#session.ended.aborted) return false;
        if (!isZkError(error, 'CONNECTION_LOSS')) return false;
      }
    }
  }

  async #ownNode(): Promise<string | undefined> {
    const queue = await this.#list();
    return queue[this.#placeIn(queue)]?.node;
  }

  /** @param again an earlier try may have removed it: that it is gone says nothing then */
  async #removeOnce(again: boolean): Promise<boolean> {
    const node = this.#node ?? (await this.#ownNode());
    if (node === undefined) return again;
    try {
      await this.#session.call<undefined>('leave a lock', (client, done) =>
        client.remove(`${this.#folder}/${node}`, (error) => done(error, undefined)),
      );
      return true;
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return again;
      throw error;
    }
  }
}
