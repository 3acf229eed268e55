import { createHash } from 'node:crypto';
import type zookeeper from 'node-zookeeper-client';
import { raceAbort, whenAborted, withTimeout } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf } from '../../kernel/errors.ts';
import { Loop } from '../../kernel/loop.ts';
import type { ZookeeperSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import type { HeldLock, LockBackend } from '../lock-backend.ts';
import type { HeartbeatDeps } from '../heartbeats.ts';
import { isZkError } from './zookeeper-client.ts';
import { contenders, Contender } from './zookeeper-contender.ts';
import { accessList, ZookeeperSession } from './zookeeper-session.ts';
import type { ZookeeperKept } from './zookeeper-stand-in.ts';

/**
 * Tooz's `zookeeper://` lock, which is kazoo's: contenders queue as ephemeral sequential nodes below
 * `/<namespace>/locks/cinder-<name>` and the lowest sequence holds the lock. Sessions come and go; a lock belongs to
 * the session it was won in and is lost with it, while waits go on in the next session.
 */
export class ZookeeperBackend implements LockBackend {
  readonly name = 'zookeeper locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: true, fifo: true };
  readonly #spec: ZookeeperSpec;
  readonly #deps: HeartbeatDeps<ZookeeperKept>;
  readonly #root: string;
  readonly #access: zookeeper.ACL[];
  readonly #held = new Set<Contender>();
  readonly #sessionChanges = new Set<() => void>();
  readonly #backoff: Backoff;
  readonly #keeper: Loop;
  #session: ZookeeperSession | undefined;
  #problem: string | undefined = 'not started';

  constructor(spec: ZookeeperSpec, deps: HeartbeatDeps<ZookeeperKept>) {
    this.#spec = spec;
    this.#deps = deps;
    this.#root = `/${spec.namespace}/locks`;
    this.#access = accessList(spec.digest, (text) => createHash('sha1').update(text).digest('base64'));
    this.#backoff = new Backoff(spec.reconnect);
    this.#keeper = new Loop({
      turn: (signal) => this.#keepSession(signal),
      pauseMs: () => this.#backoff.nextMs(),
      onError: (error) => this.#deps.log.warn({ err: error }, 'no ZooKeeper session'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#deps.heartbeats.start(signal);
    try {
      this.#use(await this.#open(signal));
    } catch (error) {
      await this.#deps.heartbeats.stop({ force: signal });
      throw error;
    }
    this.#keeper.start();
  }

  /** With locks still held the session is not closed: they guard work that may still run, until it expires. */
  async stop(how: { force: AbortSignal }): Promise<void> {
    const stopping = Promise.all([this.#keeper.stop(), this.#deps.heartbeats.stop(how)]);
    const session = this.#session;
    this.#problem = 'stopped';
    if (this.#held.size > 0) session?.abandon('stopped with locks held');
    else await session?.close(how.force);
    await stopping;
  }

  health(): Health {
    if (this.#problem !== undefined) return { ok: false, detail: `ZooKeeper: ${this.#problem}` };
    if (this.#session?.connected !== true) return { ok: false, detail: 'ZooKeeper: not connected' };
    return this.#deps.heartbeats.health();
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<HeldLock> {
    for (;;) {
      const contender = await this.#contend(wireName, signal, async (one) => {
        await one.win(signal);
        return true;
      });
      if (contender !== undefined) return contender;
    }
  }

  tryOne(wireName: string, signal: AbortSignal): Promise<HeldLock | undefined> {
    return this.#contend(wireName, signal, (one) => one.tryToWin(signal));
  }

  /** One contender's attempt in the session of now; undefined if it did not win, or the session ended meanwhile. */
  async #contend(
    wireName: string,
    signal: AbortSignal,
    attempt: (contender: Contender) => Promise<boolean>,
  ): Promise<HeldLock | undefined> {
    const session = await this.#liveSession(signal);
    const contender = new Contender({
      session,
      folder: `${this.#root}/${wireName}`,
      memberId: this.#spec.memberId,
      access: this.#access,
      heartbeats: this.#deps.heartbeats,
      onReleased: () => this.#held.delete(contender),
    });
    try {
      if (!(await attempt(contender))) return undefined;
      this.#held.add(contender);
      return contender;
    } catch (error) {
      signal.throwIfAborted();
      if (isZkError(error, 'NO_AUTH'))
        throw new CoordinationError(`ZooKeeper refuses us ${this.#root}`, { cause: error });
      if (!session.ended.aborted) throw new CoordinationError(messageOf(error), { cause: error });
      return undefined;
    }
  }

  async holders(): Promise<readonly Holder[]> {
    const session = this.#session;
    if (session === undefined) throw new CoordinationError('there is no ZooKeeper session');
    const children = (path: string): Promise<string[]> =>
      session
        .call<string[]>('list', (client, done) => client.getChildren(path, done))
        .catch((error: unknown) => {
          if (isZkError(error, 'NO_NODE')) return [];
          throw new CoordinationError(messageOf(error), { cause: error });
        });
    const holders: Holder[] = [];
    for (const name of await children(this.#root)) {
      const [first, ...others] = contenders(await children(`${this.#root}/${name}`));
      if (first === undefined || !name.startsWith('cinder-')) continue;
      const holder = await this.#ownerOf(session, `${this.#root}/${name}/${first.node}`);
      if (holder !== undefined) holders.push({ name, ...holder, waiters: others.length });
    }
    return holders;
  }

  /** The member id that is the node's data, and its age by the servers' clock; undefined if it went away. */
  async #ownerOf(session: ZookeeperSession, path: string): Promise<Pick<Holder, 'holder' | 'ageMs'> | undefined> {
    try {
      return await session.call<{ holder: string; ageMs: number }>('read', (client, done) =>
        client.getData(path, (error, data, stat) => {
          if (error !== null) return done(error, { holder: '', ageMs: 0 });
          const madeMs = Number(stat.ctime.readBigInt64BE());
          done(null, { holder: data?.toString() ?? '', ageMs: Math.max(0, Date.now() - madeMs) });
        }),
      );
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return undefined;
      throw new CoordinationError(messageOf(error), { cause: error });
    }
  }

  /** Opens a session, proven, with the namespace made. Rejects with `CoordinationError`. */
  async #open(signal: AbortSignal): Promise<ZookeeperSession> {
    const session = new ZookeeperSession(this.#spec, { ...this.#deps, mayRenew: () => true });
    session.open();
    try {
      await withTimeout('opening a session', this.#spec.sessionTimeoutMs, session.whenProven(signal));
      await session.call('make the namespace', (client, done) => client.mkdirp(this.#root, this.#access, done));
      return session;
    } catch (error) {
      session.abandon('it could not be opened');
      const servers = this.#spec.servers.map(({ host, port }) => `${host}:${port}`).join(', ');
      throw new CoordinationError(`no ZooKeeper at ${servers}: ${messageOf(error)}`, { cause: error });
    }
  }

  #use(session: ZookeeperSession): void {
    this.#session = session;
    const what = { kind: 'session', identity: session.identity } as const;
    const letGo = this.#deps.heartbeats.keep(what, session.proof, (why) => session.abandon(why));
    session.ended.addEventListener('abort', letGo, { once: true });
    this.#problem = undefined;
    this.#backoff.reset();
    for (const wake of [...this.#sessionChanges]) wake();
  }

  /** One session's life: waits for its end, then opens the next. */
  async #keepSession(stopping: AbortSignal): Promise<void> {
    if (this.#session?.ended.aborted === false) {
      const { ended } = this.#session;
      await whenAborted(ended, stopping);
      stopping.throwIfAborted();
      this.#problem = messageOf(ended.reason);
      this.#deps.log.warn({ why: this.#problem }, 'the ZooKeeper session has ended; its locks are lost');
    }
    this.#session = undefined;
    this.#use(await this.#open(stopping));
    this.#deps.log.info({}, 'a new ZooKeeper session was opened');
  }

  async #liveSession(signal: AbortSignal): Promise<ZookeeperSession> {
    for (;;) {
      if (this.#session?.ended.aborted === false) return this.#session;
      let stop = (): void => undefined;
      const change = new Promise<void>((resolve) => {
        this.#sessionChanges.add(resolve);
        stop = () => this.#sessionChanges.delete(resolve);
      });
      await raceAbort(change, signal).finally(stop);
    }
  }
}
