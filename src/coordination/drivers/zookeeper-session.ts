import zookeeper from 'node-zookeeper-client';
import { raceAbort, sharedAbort, withTimeout } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import { TimeoutError } from '../../kernel/errors.ts';
import { Loop } from '../../kernel/loop.ts';
import type { ZookeeperSpec } from '../backend-spec.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import { ProofCell } from '../proof-cell.ts';
import { GovernedClient, isZkError, toZkError, ZkError, type ZkClient } from './zookeeper-client.ts';
import type { OnEvent } from './zookeeper-watches.ts';

type Done<T> = (error: unknown, result: T) => void;

/**
 * The part of a session's time that a confirmed beat does not prove. A beat is a write, so the leader has seen the
 * session alive; but what keeps it alive there are the touches that the server we talk to reports every half tick (a
 * tick is at most half a session), and the last report may be older than our beat by one beat more.
 */
const beatsPerSession = 8;
const unprovenShare = 1 / 4 + 1 / beatsPerSession;

/** Who a session is to the servers: with this, another connection may carry it on. */
export interface SessionIdentity {
  readonly id: Uint8Array;
  readonly password: Uint8Array;
  /** As it was agreed. */
  readonly timeoutMs: number;
}

/**
 * One ZooKeeper session, with what node-zookeeper-client lacks: each call has a deadline, and a call that misses it
 * costs the connection; a beat proves the session by a write through the leader; and the end is latched, once, as soon
 * as nothing was confirmed for a whole session's time, although the server that could say so may be out of reach.
 * A session that has ended is never used again; its owner makes another.
 *
 * Its servers let one connection at a time carry a session, the last that asked. So the lock thread can carry it on
 * while the main loop is silent (ZookeeperStandIn): both write the same proof.
 */
export class ZookeeperSession {
  /** Until when the server cannot have expired the session. */
  readonly proof: ProofCell;
  readonly #deps: RemoteBackendDeps;
  readonly #governed: GovernedClient;
  readonly #backoff: Backoff;
  readonly #end = sharedAbort();
  readonly #connections = new Set<() => void>();
  readonly #proofs = new Set<() => void>();
  readonly #beat: Loop;
  readonly #openedMs: number;
  #sessionMs: number;
  #connectionNumber = 0;

  /** @param resumed a session that lives, and the proof of it, to be carried on by this connection */
  constructor(
    spec: ZookeeperSpec,
    deps: RemoteBackendDeps,
    resumed?: { readonly identity: SessionIdentity; readonly proof: ProofCell },
  ) {
    this.#deps = deps;
    this.proof = resumed?.proof ?? new ProofCell();
    this.#backoff = new Backoff(spec.reconnect);
    this.#sessionMs = resumed?.identity.timeoutMs ?? spec.sessionTimeoutMs;
    this.#openedMs = deps.clock.nowMs();
    this.#governed = new GovernedClient({
      servers: spec.shuffle ? shuffled(spec.servers) : spec.servers,
      sessionTimeoutMs: this.#sessionMs,
      pauseMs: () => this.#backoff.nextMs(),
      ...(resumed === undefined ? {} : { resumed: resumed.identity }),
    });
    if (spec.digest !== undefined) this.#governed.client.addAuthInfo('digest', Buffer.from(spec.digest));
    this.#beat = new Loop({
      turn: () => this.#beatOnce(),
      pauseMs: () => this.#sessionMs / beatsPerSession,
      onError: (error) => this.#deps.log.debug({ err: error }, 'ZooKeeper did not confirm a heartbeat'),
    });
  }

  /** Aborts, with the reason, when the session is over. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  get connected(): boolean {
    return this.#governed.connected;
  }

  /** Grows with each connection of the session: what was asked on an earlier one may not be answered. */
  get connectionNumber(): number {
    return this.#connectionNumber;
  }

  /** Known once it is connected. */
  get identity(): SessionIdentity {
    const { client } = this.#governed;
    return { id: client.getSessionId(), password: client.getSessionPassword(), timeoutMs: this.#sessionMs };
  }

  open(): void {
    const { client } = this.#governed;
    client.on('connected', () => this.#onConnected());
    client.on('expired', () => this.abandon('ZooKeeper expired the session'));
    client.on('authenticationFailed', () => this.abandon('ZooKeeper refused the credentials'));
    this.#governed.connect();
    this.#beat.start();
  }

  /** Calls `listener` with every heartbeat that is confirmed here, until the returned function is called. */
  onProof(listener: () => void): () => void {
    this.#proofs.add(listener);
    return () => this.#proofs.delete(listener);
  }

  /** Calls `listener` at every new connection: a notice may have been missed in between. */
  onConnection(listener: () => void): () => void {
    this.#connections.add(listener);
    return () => this.#connections.delete(listener);
  }

  /** Resolves when calls can be made; rejects when the session ends or `signal` aborts. */
  async whenConnected(signal: AbortSignal): Promise<void> {
    while (!this.connected) {
      let stop = (): void => undefined;
      const next = new Promise<void>((resolve) => (stop = this.onConnection(resolve)));
      await this.#unlessEnded(next, signal).finally(stop);
    }
    signal.throwIfAborted();
    this.ended.throwIfAborted();
  }

  /** Resolves when the session is proven to live: connected, authenticated, accepted by the leader. */
  async whenProven(signal: AbortSignal): Promise<void> {
    if (this.proof.untilMs() > this.#deps.clock.nowMs()) return;
    let stop = (): void => undefined;
    const proven = new Promise<void>((resolve) => (stop = this.onProof(resolve)));
    await this.#unlessEnded(proven, signal).finally(stop);
  }

  #unlessEnded<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    return raceAbort(raceAbort(promise, signal), this.ended);
  }

  /** What is called in this same breath goes in one packet. */
  gather(): void {
    this.#governed.gather();
  }

  /** Asks for the next event of each node; of one that has gone since the last answer it comes at once. As `call`. */
  watch(paths: readonly string[], onEvent: OnEvent): Promise<void> {
    return this.call('watch', (_, done) => this.#governed.watch(paths, onEvent, (error) => done(error, undefined)));
  }

  /** Events of these are of no interest any more. */
  unwatch(paths: readonly string[], onEvent: OnEvent): void {
    this.#governed.unwatch(paths, onEvent);
  }

  /** One call, sent now or not at all. Rejects with `ZkError`; `CONNECTION_LOSS` says that it may have happened. */
  async call<T>(what: string, start: (client: ZkClient, done: Done<T>) => void): Promise<T> {
    if (this.ended.aborted) throw new ZkError('SESSION_EXPIRED', `ZooKeeper, ${what}: the session has ended`);
    if (!this.connected) throw new ZkError('CONNECTION_LOSS', `ZooKeeper, ${what}: not connected`);
    const answer = new Promise<T>((resolve, reject) => {
      start(this.#governed.client, (error, result) => {
        if (error === null || error === undefined) resolve(result);
        else reject(toZkError(what, error));
      });
    });
    try {
      return await withTimeout(what, this.#sessionMs / 3, answer);
    } catch (error) {
      if (isZkError(error, 'SESSION_EXPIRED')) this.abandon('ZooKeeper expired the session');
      if (!(error instanceof TimeoutError)) throw error;
      this.#governed.cut();
      throw toZkError(what, error);
    }
  }

  /**
   * Ends the session here without telling the server: it lives on there, with its nodes, until it expires. That is
   * later than every proof that was given out, so nobody gets a lock while its lease still counts as held.
   */
  abandon(why: string): void {
    if (this.ended.aborted) return;
    this.#end.abort(new ZkError('SESSION_EXPIRED', why));
    this.#governed.end();
    void this.#beat.stop();
  }

  /** Ends the session on the server as well, which removes its nodes at once. */
  async close(force: AbortSignal): Promise<void> {
    await this.#beat.stop();
    if (this.connected && !force.aborted) {
      const closed = new Promise<void>((resolve) => this.#governed.client.once('disconnected', () => resolve()));
      this.#governed.client.close();
      const answered = withTimeout('the end of the session', this.#sessionMs / 3, raceAbort(closed, force));
      // Without an answer the session expires by itself.
      await answered.catch(() => undefined);
    }
    this.abandon('the session was closed');
  }

  #onConnected(): void {
    this.#sessionMs = this.#governed.client.getSessionTimeout();
    this.#connectionNumber += 1;
    this.#backoff.reset();
    this.#beat.wake();
    for (const listener of [...this.#connections]) listener();
  }

  /** A transaction that only checks that `/` exists: it changes nothing, yet has to pass the leader and a quorum. */
  async #beatOnce(): Promise<void> {
    const sentMs = this.#deps.clock.nowMs();
    if (sentMs - this.#confirmedMs() > this.#sessionMs) {
      this.abandon('nothing was confirmed for a whole session');
      return;
    }
    if (!this.#deps.mayRenew()) {
      this.abandon('the main loop is silent');
      return;
    }
    if (!this.connected) return;
    await this.call<unknown>('heartbeat', (client, done) => client.transaction().check('/').commit(done));
    this.proof.extend(sentMs + this.#provenForMs());
    for (const listener of [...this.#proofs]) listener();
  }

  #provenForMs(): number {
    return this.#sessionMs * (1 - unprovenShare);
  }

  /** When the last heartbeat that was confirmed had been sent, by whichever connection carried the session. */
  #confirmedMs(): number {
    return Math.max(this.#openedMs, this.proof.untilMs() - this.#provenForMs());
  }
}

/** The access list of Tooz with credentials: everything for that digest; without: everything for everybody. */
export function accessList(digest: string | undefined, sha1: (text: string) => string): zookeeper.ACL[] {
  const { ALL } = zookeeper.Permission;
  if (digest === undefined) return [new zookeeper.ACL(ALL, new zookeeper.Id('world', 'anyone'))];
  const user = digest.slice(0, digest.indexOf(':'));
  return [new zookeeper.ACL(ALL, new zookeeper.Id('digest', `${user}:${sha1(digest)}`))];
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
