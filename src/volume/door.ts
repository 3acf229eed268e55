import { setMaxListeners } from 'node:events';
import { ClaimLostError } from '../db/database.ts';
import type { JournalEntry, NewEntry } from '../db/ports/custody.ts';
import { delay, raceAbort, withTimeout } from '../kernel/abort.ts';
import type { Component, Health } from '../kernel/component.ts';
import { AppError, messageOf, toError } from '../kernel/errors.ts';
import { FifoSemaphore } from '../kernel/fifo-semaphore.ts';
import type { Logger } from '../log/logger.ts';
import type { RpcRequest } from '../rpc/method.ts';
import { checkArgs } from './check-args.ts';
import type { CustodyOptions } from './custody-options.ts';
import { logFields, requestId } from './entry-fields.ts';
import { EntryRunner, type Runnable, type RunEnd } from './entry-runner.ts';
import { Intake } from './intake.ts';
import type { Decoded, Job, JobStatus } from './job.ts';
import type { Operation } from './operation.ts';
import { Retries } from './retries.ts';

/** This replica takes no requests (not started, or stopping): leave the message un-acked, another one takes it. */
export class NotServingError extends AppError {
  readonly code = 'NOT_SERVING';
  constructor(what: string) {
    super(what, { outcome: 'not-started' });
  }
}

/**
 * The one way in. A fresh message, a redelivered one, an entry taken over from a silent owner and a row found by
 * reconciliation all become a journal entry, and `runEntry` carries it: to its end, or until it is given back because
 * nothing definite is known. Whoever runs it next looks first, under the locks.
 */
export class Door implements Component {
  readonly name = 'door';
  readonly #options: CustodyOptions;
  readonly #owner: string;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #limits: ReadonlyMap<string, FifoSemaphore>;
  readonly #intake: Intake;
  readonly #runner: EntryRunner;
  readonly #retries: Retries;
  readonly #jobs = new Map<string, Job>();
  readonly #carried = new Set<Promise<void>>();
  /** Ends waits (for locks, slots, the next try); running steps go on. */
  readonly #draining = new AbortController();
  /** Ends the steps themselves. */
  readonly #forcing = new AbortController();
  #serving = false;

  /**
   * @param hooks.onOutbox a settlement has left messages in the outbox
   * @param hooks.onDoubt the journal may hold entries of ours that nobody runs (`Takeover` looks for them)
   */
  constructor(options: CustodyOptions, hooks: { onOutbox: () => void; onDoubt: () => void }) {
    const { db, timings, clock } = options;
    this.#options = options;
    this.#owner = options.incarnation.id;
    this.#operations = new Map(options.operations.map((operation) => [operation.name, operation]));
    this.#limits = new Map([...options.ports.keys()].map((backend) => [backend, new FifoSemaphore(options.slots)]));
    this.#intake = new Intake({ journal: db.journal, owner: this.#owner, onDoubt: hooks.onDoubt });
    this.#runner = new EntryRunner({ ...options, owner: this.#owner, onOutbox: hooks.onOutbox });
    this.#retries = new Retries({ clock, initialMs: timings.retryInitialMs, maxMs: timings.retryMaxMs });
    // Every entry listens; their number is no leak.
    setMaxListeners(0, this.#draining.signal, this.#forcing.signal);
  }

  start(): Promise<void> {
    this.#serving = true;
    return Promise.resolve();
  }

  health(): Health {
    return this.#serving ? { ok: true } : { ok: false, detail: 'takes no requests' };
  }

  serves(method: string): boolean {
    return this.#operations.has(method);
  }

  /** Whether this replica carries the entry now. */
  carries(entryId: string): boolean {
    return this.#jobs.has(entryId);
  }

  /**
   * Resolves when the request is safe: journalled and on its way, or known as a duplicate, or refused because its
   * arguments can never fit. The message is acknowledged then. Rejects where it may not have been kept.
   */
  async receive(request: RpcRequest, backend: string): Promise<void> {
    if (!this.#serving) throw new NotServingError('this replica takes no requests');
    const entry = this.#newEntry(request, backend);
    if (entry === null) return;
    const received = await this.#intake.receive(entry);
    await this.#options.failpoints('journalled');
    if (received !== null) this.runEntry(received, request);
    else this.#dropDuplicate(entry);
  }

  /** Journals entries that no message brought (reconciliation), and runs those that are new. Answers how many. */
  async receiveOwn(entries: readonly NewEntry[]): Promise<number> {
    const taken = await Promise.all(
      entries.map(async (entry) => {
        const received = await this.#intake.receive(entry);
        // At once: what was journalled is ours to run, even if another of them fails.
        if (received !== null) this.runEntry(received);
        return received !== null;
      }),
    );
    return taken.filter(Boolean).length;
  }

  /**
   * Carries an entry that is ours by the journal, in the background. Safe to call again: an entry that is being
   * carried is not started a second time.
   */
  runEntry(entry: JournalEntry, decoded?: Decoded): void {
    const known = this.#jobs.get(entry.id);
    if (known !== undefined) {
      known.again = true;
      return;
    }
    const sinceMs = this.#options.clock.nowMs();
    const job: Job = { entry, decoded, sinceMs, state: 'pausing', locks: [], again: false };
    this.#jobs.set(entry.id, job);
    const carried = this.#carry(job).finally(() => this.#carried.delete(carried));
    this.#carried.add(carried);
  }

  status(): readonly JobStatus[] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#jobs.values()].map(({ entry, state, locks, sinceMs }) => ({
      entryId: entry.id,
      method: entry.method,
      backend: entry.backend,
      resource: `${entry.resourceType} ${entry.resourceId}`,
      requestId: requestId(entry),
      origin: entry.origin,
      state,
      locks,
      ageMs: nowMs - sinceMs,
      ...this.#retries.of(entry.id),
    }));
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.drain(how.force);
  }

  /**
   * Takes no more requests, gives back at once what only waits, lets steps that run end, and when `force` aborts ends
   * those as well and gives them back. What does not notice its end in time is left to the locks.
   */
  async drain(force: AbortSignal): Promise<void> {
    this.#serving = false;
    this.#draining.abort(new NotServingError('this replica is stopping'));
    await raceAbort(this.#allCarried(), force).catch(() => undefined);
    this.#forcing.abort(new NotServingError('this replica must stop now'));
    const { forcedStopMs } = this.#options.timings;
    await withTimeout('ending operations', forcedStopMs, this.#allCarried()).catch((err: unknown) => {
      this.#options.log.error({ err, entries: [...this.#jobs.keys()] }, 'operations did not end in time');
    });
    // Also what was left behind: a successor gets nothing without the locks.
    await this.#giveBack();
  }

  async #allCarried(): Promise<void> {
    while (this.#carried.size > 0) await Promise.all(this.#carried);
  }

  #dropDuplicate({ uniqueId, method }: NewEntry): void {
    this.#options.tally({ what: 'duplicate' });
    this.#options.log.info({ unique_id: uniqueId, method }, 'dropped a duplicate: the journal has it');
  }

  #newEntry({ method, version, uniqueId, plain, wire }: RpcRequest, backend: string): NewEntry | null {
    try {
      const operation = this.#operations.get(method);
      if (operation === undefined) throw new NotServingError(`no operation ${method}`);
      const resource = operation.resource(checkArgs(operation.args, plain));
      const { type: resourceType, id: resourceId } = resource;
      return { uniqueId, method, version, backend, ...wire, resourceType, resourceId, origin: 'message' };
    } catch (err) {
      this.#options.log.error({ err, unique_id: uniqueId, method }, `refused a request: ${messageOf(err)}`);
      return null;
    }
  }

  /** Never rejects. Goes round where the entry stays ours although this try came to nothing definite. */
  async #carry(job: Job): Promise<void> {
    const { entry } = job;
    const log = this.#logOf(entry);
    do {
      job.again = false;
      try {
        await this.#pause(job);
        await this.#run(job, log);
        this.#retries.ended(entry.id);
        break;
      } catch (thrown) {
        this.#report(job, toError(thrown), log);
      }
      // Nobody else can take what could not be given back.
      if (!(await this.#giveBack(entry.id))) job.again = true;
    } while (job.again && !this.#draining.signal.aborted);
    this.#jobs.delete(entry.id);
  }

  async #pause(job: Job): Promise<void> {
    this.#draining.signal.throwIfAborted();
    job.state = 'pausing';
    job.locks = [];
    const pauseMs = this.#retries.pauseMs(job.entry.id);
    if (pauseMs > 0) await delay(pauseMs, this.#draining.signal);
  }

  async #run(job: Job, log: Logger): Promise<void> {
    const runnable = await this.#runnable(job, log);
    if (runnable === null) return;
    const since = performance.now();
    const { origin, claim } = job.entry;
    log.info({ origin, earlier_claims: claim }, `${job.entry.method} starts`);
    const signals = { waiting: this.#draining.signal, force: this.#forcing.signal };
    const ended = (outcome: 'done' | 'refused' | 'given-back'): void =>
      this.#options.tally({
        what: 'operation-ended',
        operation: job.entry.method,
        outcome,
        seconds: (performance.now() - since) / 1000,
      });
    try {
      const end: RunEnd = await this.#runner.run(runnable, signals);
      ended(end === 'refused' ? 'refused' : 'done');
      log.info({ end, took_ms: Math.round(performance.now() - since) }, `${job.entry.method} ended`);
    } catch (thrown) {
      ended('given-back');
      throw thrown;
    }
  }

  /** The decoded request; null: it was refused, because its arguments do not fit. */
  async #runnable(job: Job, log: Logger): Promise<Runnable | null> {
    const { entry } = job;
    const operation = this.#operations.get(entry.method);
    const ports = this.#options.ports.get(entry.backend);
    const limit = this.#limits.get(entry.backend);
    if (operation === undefined || ports === undefined || limit === undefined) {
      // A replica of another version or configuration may serve it.
      throw new NotServingError(`${entry.method} on ${entry.backend} is not served here`);
    }
    try {
      const { plain, context } = job.decoded ?? this.#decode(entry);
      return { job, operation, ports, limit, log, context, args: checkArgs(operation.args, plain) };
    } catch (thrown) {
      // Somebody understood it who has claimed it already: leave it to such a one.
      if (!(thrown instanceof AppError) || entry.claim > 0) throw thrown;
      log.error({ err: thrown, entry: entry.id }, `refused a request: ${thrown.message}`);
      await this.#options.db.journal.refuse(entry.id, thrown.message);
      return null;
    }
  }

  #decode(entry: JournalEntry): Decoded {
    const { codec } = this.#options;
    return { plain: codec.plain(entry.args), context: codec.context(entry.context) };
  }

  #report(job: Job, err: Error, log: Logger): void {
    if (err instanceof ClaimLostError) this.#options.tally({ what: 'claim-lost' });
    const fields = { err, state: job.state, locks: job.locks };
    if (this.#draining.signal.aborted) return log.info(fields, `${job.entry.method} is given back: stopping`);
    const pauseMs = Math.round(this.#retries.failed(job.entry.id, err));
    const { attempts } = this.#retries.of(job.entry.id);
    const what = `${job.entry.method} came to nothing definite and is given back: ${err.message}`;
    log.warn({ ...fields, attempts, pause_ms: pauseMs }, what);
  }

  /** Whether the journal took it. */
  async #giveBack(entryId?: string): Promise<boolean> {
    try {
      await this.#options.db.journal.giveBack(this.#owner, entryId);
      return true;
    } catch (err) {
      this.#options.log.warn({ err, entry: entryId }, 'could not give back; a successor will find this owner silent');
      return false;
    }
  }

  #logOf(entry: JournalEntry): Logger {
    return this.#options.log.child(logFields(entry));
  }
}
