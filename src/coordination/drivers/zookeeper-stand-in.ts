import type { Health } from '../../kernel/component.ts';
import { Loop } from '../../kernel/loop.ts';
import type { ZookeeperSpec } from '../backend-spec.ts';
import type { Renewals } from '../heartbeat-host.ts';
import type { RemoteBackendDeps } from '../lock-worker-host.ts';
import type { ProofCell } from '../proof-cell.ts';
import { isZkError } from './zookeeper-client.ts';
import { ZookeeperSession, type SessionIdentity } from './zookeeper-session.ts';

/** So long the main loop may be silent before its session is carried on here. Its last proof lasts more than twice as long. */
const silentShare = 1 / 5;
const looksPerSession = 50;

/** What the main loop has kept for it: its session, and the node of each lock that it holds in it. */
export type ZookeeperKept =
  { readonly kind: 'session'; readonly identity: SessionIdentity } | { readonly kind: 'node'; readonly path: string };

interface KeptSession {
  readonly identity: SessionIdentity;
  readonly proof: ProofCell;
  /** The session as this thread carries it on; undefined while the main loop does. */
  carried: ZookeeperSession | undefined;
}

interface KeptNode {
  readonly path: string;
  readonly lost: (why: string) => void;
}

/**
 * ZooKeeper's heartbeat on the lock thread: while the main loop is silent, a connection of this thread carries its
 * session on. The servers close the main loop's connection then, and when it is back, it reconnects and has the session
 * again, as after any other broken connection; ephemeral nodes and proofs belong to the session and outlive both turns.
 *
 * A session is no proof of its locks: somebody may have deleted a node by hand. The main loop has watches for that; here
 * each heartbeat looks.
 */
export class ZookeeperStandIn implements Renewals<ZookeeperKept> {
  readonly #spec: ZookeeperSpec;
  readonly #deps: RemoteBackendDeps & { readonly silentMs: () => number };
  readonly #sessions = new Map<number, KeptSession>();
  readonly #nodes = new Map<number, KeptNode>();
  readonly #watch: Loop;
  #lookedMs = -Infinity;
  #wasLate = false;

  constructor(spec: ZookeeperSpec, deps: RemoteBackendDeps & { readonly silentMs: () => number }) {
    this.#spec = spec;
    this.#deps = deps;
    this.#watch = new Loop({
      turn: () => this.#look(),
      pauseMs: () => this.#lookEveryMs(),
      onError: (error) => deps.log.warn({ err: error }, 'the ZooKeeper session cannot be carried on'),
    });
  }

  start(): void {
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    for (const id of this.#sessions.keys()) this.remove(id);
  }

  /** It needs no server until the main loop is silent, and then nobody asks. */
  health(): Health {
    return { ok: true };
  }

  add(id: number, what: ZookeeperKept, proof: ProofCell, lost: (why: string) => void): void {
    if (what.kind === 'node') this.#nodes.set(id, { path: what.path, lost });
    else this.#sessions.set(id, { identity: what.identity, proof, carried: undefined });
  }

  remove(id: number): void {
    this.#sessions.get(id)?.carried?.abandon('its owner needs it no more');
    this.#sessions.delete(id);
    this.#nodes.delete(id);
  }

  #lookEveryMs(): number {
    return this.#spec.sessionTimeoutMs / looksPerSession;
  }

  #look(): Promise<void> {
    const sinceMs = this.#deps.clock.nowMs() - this.#lookedMs;
    this.#lookedMs += sinceMs;
    // The whole process stood still: the main loop shall have its chance to show that it goes on, too, but only one.
    this.#wasLate = !this.#wasLate && sinceMs > 3 * this.#lookEveryMs();
    if (this.#wasLate) return Promise.resolve();
    for (const kept of this.#sessions.values()) this.#stand(kept);
    return Promise.resolve();
  }

  #stand(kept: KeptSession): void {
    const isSilent = this.#deps.silentMs() > kept.identity.timeoutMs * silentShare;
    if (isSilent && this.#deps.mayRenew()) {
      kept.carried ??= this.#carryOn(kept);
    } else {
      kept.carried?.abandon(isSilent ? 'the main loop was silent for too long' : 'the main loop is back');
      kept.carried = undefined;
    }
  }

  #carryOn({ identity, proof }: KeptSession): ZookeeperSession {
    const silent_ms = Math.round(this.#deps.silentMs());
    this.#deps.log.warn({ silent_ms }, 'the main loop is silent: its ZooKeeper session is carried on');
    const session = new ZookeeperSession(this.#spec, this.#deps, { identity, proof });
    session.onProof(() => {
      for (const [id, node] of this.#nodes) void this.#lookAt(session, id, node);
    });
    session.open();
    return session;
  }

  /** Without an answer the next heartbeat looks again, or there is none, and the session's proof runs out. */
  async #lookAt(session: ZookeeperSession, id: number, { path, lost }: KeptNode): Promise<void> {
    try {
      await session.call('look at a lock', (client, done) => client.getData(path, done));
    } catch (error) {
      // Given back meanwhile by a main loop that has come back.
      if (!isZkError(error, 'NO_NODE') || !this.#nodes.delete(id)) return;
      lost('its node was deleted');
    }
  }
}
