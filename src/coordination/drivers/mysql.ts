import { abortReason, raceAbort } from '../../kernel/abort.ts';
import { Backoff } from '../../kernel/backoff.ts';
import type { Health } from '../../kernel/component.ts';
import { messageOf } from '../../kernel/errors.ts';
import { Loop } from '../../kernel/loop.ts';
import type { MysqlSpec } from '../backend-spec.ts';
import { CoordinationError, type Guarantees, type Holder } from '../coordinator.ts';
import { Custody, type ReleaseResult } from '../lock-backend.ts';
import type { RemoteBackend, RemoteBackendDeps, SharedLock } from '../lock-worker-host.ts';
import { MysqlSession } from './mysql-session.ts';
import { PythonAbout } from './python-about.ts';
import { betweenTries, ServingGate } from './serving-gate.ts';

/** MariaDB tells of named locks with its plugin metadata_lock_info, MySQL by itself (MariaDB has that table, empty). */
const listings = [
  `select table_schema as name, thread_id as session from information_schema.metadata_lock_info
   where lock_type = 'User lock' and table_schema like 'cinder-%'`,
  `select object_name as name, t.processlist_id as session from performance_schema.metadata_locks l
   join performance_schema.threads t on t.thread_id = l.owner_thread_id
   where object_type = 'USER LEVEL LOCK' and lock_status = 'GRANTED' and object_name like 'cinder-%'`,
] as const;

interface Held {
  readonly wireName: string;
  readonly session: MysqlSession;
  readonly custody: Custody;
}

/**
 * Tooz's `mysql://` lock: `GET_LOCK` on a session of its own, as in Tooz, so that the end of one touches no other. The
 * lock lives as long as its session: each beat asks whether it is still ours, and the server ends a session that was
 * silent for the time to live. Each lock held or waited for is a connection.
 *
 * The lock is one server's: it is not replicated, and a restart forgets it. Members that reach different servers of a
 * cluster do not exclude one another, and find that out when they meet.
 */
export class MysqlBackend implements RemoteBackend {
  readonly name = 'mysql locks';
  readonly guarantees: Guarantees = { scope: 'cluster', survivesFailover: false, fifo: false };
  readonly #spec: MysqlSpec;
  readonly #deps: RemoteBackendDeps;
  readonly #held = new Set<Held>();
  readonly #gate = new ServingGate('the SQL server');
  readonly #python: PythonAbout;
  readonly #backoff: Backoff;
  readonly #beat: Loop;
  /** Holds nothing; shows that the server answers. */
  #probe: MysqlSession | undefined;

  constructor(spec: MysqlSpec, deps: RemoteBackendDeps) {
    this.#spec = spec;
    this.#deps = deps;
    this.#python = new PythonAbout(deps.clock);
    this.#backoff = new Backoff(spec.reconnect);
    this.#beat = new Loop({
      turn: () => this.#turn(),
      pauseMs: () => (this.#gate.problem === undefined ? spec.beatMs : this.#backoff.nextMs()),
      onError: (error) => this.#deps.log.debug({ err: error }, 'the SQL server did not answer'),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    try {
      await raceAbort(this.#look(), signal);
    } catch (error) {
      if (signal.aborted || error instanceof CoordinationError) throw error;
      throw new CoordinationError(`no SQL server at ${describe(this.#spec)}: ${messageOf(error)}`, { cause: error });
    }
    this.#beat.start(this.#spec.beatMs);
  }

  /** Locks that are still held guard work that still runs; their sessions end with this process. */
  async stop(): Promise<void> {
    await this.#beat.stop();
    this.#probe?.end();
    this.#gate.shut('closed');
  }

  health(): Health {
    return this.#gate.health();
  }

  async acquireOne(wireName: string, signal: AbortSignal): Promise<SharedLock> {
    let session: MysqlSession | undefined;
    try {
      for (;;) {
        await this.#gate.whenOpen(signal);
        if (session?.ended !== false) session = await this.#open(signal);
        const lock = await this.#try(wireName, session, signal);
        if (lock !== undefined) return lock;
        await betweenTries(this.#python, signal);
      }
    } catch (error) {
      // With the session goes whatever an unanswered try has won.
      session?.end();
      throw error;
    }
  }

  /** Undefined where the server did not take us in time. */
  async #open(signal: AbortSignal): Promise<MysqlSession | undefined> {
    const opening = MysqlSession.open(this.#spec);
    try {
      return await raceAbort(opening, signal);
    } catch (error) {
      // It may come about after all, for nobody.
      opening.then(
        (late) => late.end(),
        () => undefined,
      );
      if (error instanceof CoordinationError || signal.aborted) throw error;
      this.#beat.wake();
      return undefined;
    }
  }

  /** Undefined, try again: somebody else has it, the server did not answer, or the main loop is silent. */
  async #try(
    wireName: string,
    session: MysqlSession | undefined,
    signal: AbortSignal,
  ): Promise<SharedLock | undefined> {
    // A lock for a main loop that hangs would only keep others waiting.
    if (session === undefined || !this.#deps.mayRenew()) return undefined;
    const sentMs = this.#deps.clock.nowMs();
    const asking = session.value('SELECT GET_LOCK(?, 0)', [wireName]);
    const won = await raceAbort(asking, signal).catch(() => undefined);
    if (signal.aborted) throw abortReason(signal);
    if (Number(won) === 0 && (await session.heldByPython(wireName).catch(() => false))) this.#python.saw();
    if (Number(won) !== 1) return undefined;
    const custody = new Custody();
    const held: Held = { wireName, session, custody };
    custody.proof.extend(sentMs + this.#spec.ttlMs);
    this.#held.add(held);
    session.onEnd((why) => this.#lose(held, `its session has ended: ${why}`));
    return custody.asLock(() => this.#release(held));
  }

  async #release(held: Held): Promise<ReleaseResult> {
    this.#held.delete(held);
    const { custody, session, wireName } = held;
    try {
      return await custody.release(this.#deps.clock, async () => {
        const ours = await session.value('SELECT RELEASE_LOCK(?)', [wireName]);
        return Number(ours) === 1;
      });
    } finally {
      // A lock that was not given back goes with its session, at the latest after its time to live.
      session.end();
    }
  }

  async #turn(): Promise<void> {
    if (this.#deps.mayRenew()) await Promise.all([this.#look(), ...[...this.#held].map((held) => this.#renew(held))]);
    else this.#deps.log.warn({ locks: this.#held.size }, 'the main loop is silent: its locks are not renewed');
  }

  /** A question that fails ends the session, and with it the lock. */
  async #renew(held: Held): Promise<void> {
    const sentMs = this.#deps.clock.nowMs();
    const sql = 'SELECT IS_USED_LOCK(?) = CONNECTION_ID()';
    const ours = await held.session.value(sql, [held.wireName]).catch(() => undefined);
    if (Number(ours) === 1) held.custody.proof.extend(sentMs + this.#spec.ttlMs);
    else if (!held.session.ended) this.#lose(held, 'its session does not hold it any more');
  }

  #lose(held: Held, why: string): void {
    if (this.#held.delete(held)) held.custody.lose(why);
  }

  async #look(): Promise<void> {
    try {
      if (this.#probe?.ended !== false) this.#probe = await MysqlSession.open(this.#spec);
      await this.#probe.value('SELECT 1', []);
    } catch (error) {
      if (this.#gate.shut(messageOf(error))) this.#deps.log.warn({ err: error }, 'the SQL server does not serve');
      throw error;
    }
    if (this.#gate.open()) this.#deps.log.info({}, `connected to the SQL server at ${describe(this.#spec)}`);
    this.#backoff.reset();
  }

  /** Where the server does not tell of locks, at least our own. */
  async holders(): Promise<readonly Holder[]> {
    const told = (await this.#list(listings[0])) ?? (await this.#list(listings[1])) ?? [];
    const silent = [...this.#held].filter(({ wireName }) => !told.some(({ name }) => name === wireName));
    return [...told, ...silent.map(({ wireName }) => ({ name: wireName, holder: 'this process' }))];
  }

  /** Undefined where the server has no such table, or not for us. */
  async #list(sql: string): Promise<readonly Holder[] | undefined> {
    const session = await MysqlSession.open(this.#spec);
    try {
      const rows = await session.ask(sql);
      return rows.map((row) => ({ name: String(row['name']), holder: `session ${String(row['session'])}` }));
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'this SQL server does not list its locks so');
      return undefined;
    } finally {
      session.end();
    }
  }
}

/** Without credentials, for messages. */
const describe = ({ address }: MysqlSpec): string =>
  'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`;
