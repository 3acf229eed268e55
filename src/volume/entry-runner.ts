import type { Static, TObject } from '@sinclair/typebox';
import type { Lease } from '../coordination/coordinator.ts';
import { sortLockNames, type LockName } from '../coordination/lock-names.ts';
import type { Claim, WorkedOn } from '../db/ports/custody.ts';
import type { RequestContext } from '../domain/context.ts';
import { childAbort } from '../kernel/abort.ts';
import { AppError, toError } from '../kernel/errors.ts';
import type { FifoSemaphore } from '../kernel/fifo-semaphore.ts';
import type { Logger } from '../log/logger.ts';
import type { CustodyOptions } from './custody-options.ts';
import type { Job, JobState } from './job.ts';
import type { NothingToDo, Operation, OperationPorts, Result, Scope, Settlement } from './operation.ts';
import { releaseLease } from './release-lease.ts';
import { RowLooks } from './row-looks.ts';
import { createScope } from './scope.ts';
import { settle } from './settle.ts';
import { Slot } from './slot.ts';
import { isUnknownOutcome } from './unknown-outcome.ts';

/** How an entry ended here; `ended-before`: the journal says that somebody had ended it already. */
export type RunEnd = 'done' | 'refused' | 'nothing-to-do' | 'ended-before';

/** A request whose arguments are known to fit, with what its backend gives it. */
export interface Runnable {
  readonly job: Job;
  readonly operation: Operation;
  readonly args: Static<TObject>;
  readonly context: RequestContext;
  readonly ports: OperationPorts;
  readonly limit: FifoSemaphore;
  readonly log: Logger;
}

/** Ends of the two kinds of waiting: for somebody else (locks, a slot), and of the steps themselves. */
export interface RunSignals {
  readonly waiting: AbortSignal;
  readonly force: AbortSignal;
}

type RunnerOptions = Pick<CustodyOptions, 'db' | 'coordinator' | 'timings' | 'failpoints'> & {
  readonly owner: string;
  /** A settlement has left messages in the outbox. */
  readonly onOutbox: () => void;
};

/** What the steps of one run stand on. */
interface Held {
  readonly lease: Lease;
  readonly claim: Claim;
  readonly slot: Slot;
  readonly signal: AbortSignal;
}

/** The names that a row gives kept changing while its locks were taken. */
class RestlessLocksError extends AppError {
  readonly code = 'RESTLESS_LOCKS';
}

/** How often locks are given back because the rows, read under them, name more. */
const mostLockRounds = 5;

/**
 * The straight way of one entry: locks → slot → tokens and claim → the names again, and load → run → settle → release.
 * Whatever throws out of `run` here left the entry unfinished; the caller gives it back.
 *
 * The names are compared after the claim, because only then nothing of a predecessor can change the rows any more. A
 * claim under too few locks is harmless: the resource's own lock is always among them, so its owner is not alive.
 */
export class EntryRunner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async run(runnable: Runnable, signals: RunSignals): Promise<RunEnd> {
    const { operation, args, ports, job } = runnable;
    let names = sortLockNames(await operation.locks(args, ports, new RowLooks(ports.db)));
    for (let round = 0; round < mostLockRounds; round += 1) {
      job.locks = names;
      setState(runnable, 'locking');
      const lease = await this.#acquire(runnable, names, signals.waiting);
      try {
        await this.#options.failpoints('locked');
        const end = await this.#underLocks(runnable, lease, signals);
        if (typeof end === 'string') return end;
        names = end;
      } finally {
        await releaseLease(lease, runnable.log);
        await this.#options.failpoints('released');
      }
    }
    throw new RestlessLocksError(`rows named more locks ${mostLockRounds} times`, { outcome: 'not-started' });
  }

  async #acquire(runnable: Runnable, names: readonly LockName[], signal: AbortSignal): Promise<Lease> {
    const { lockWaitWarningMs } = this.#options.timings;
    const since = performance.now();
    const warn = (): void => {
      const waitedMs = Math.round(performance.now() - since);
      runnable.log.warn({ locks: names, waited_ms: waitedMs }, 'waiting for locks');
    };
    const timer = lockWaitWarningMs > 0 ? setInterval(warn, lockWaitWarningMs) : undefined;
    try {
      return await this.#options.coordinator.acquire(names, { waitMs: 'forever', signal });
    } finally {
      clearInterval(timer);
    }
  }

  /** The end; or the names of the locks that it takes instead. */
  async #underLocks(runnable: Runnable, lease: Lease, signals: RunSignals): Promise<RunEnd | readonly LockName[]> {
    const queued = childAbort(lease.signal, signals.waiting);
    const steps = childAbort(lease.signal, signals.force);
    setState(runnable, 'queued');
    const slot = new Slot(runnable.limit, steps.signal, (state) => setState(runnable, state));
    try {
      await slot.take(queued.signal);
      await this.#options.failpoints('slot');
      lease.assertHeld();
      const claim = await this.#claim(runnable, lease.names);
      if (claim === null) return 'ended-before';
      await this.#options.failpoints('claimed', claim);
      return await this.#load(runnable, { lease, claim, slot, signal: steps.signal });
    } finally {
      slot.close();
      queued.detach();
      steps.detach();
    }
  }

  #claim(runnable: Runnable, names: readonly LockName[]): Promise<Claim | null> {
    const { db, owner } = this.#options;
    const { job, ports } = runnable;
    const worked = workedOn(runnable);
    if (worked === undefined) return db.journal.claim(job.entry.id, owner, names);
    const worker = { ...worked, serviceId: ports.backend.service.id };
    return db.journal.claim(job.entry.id, owner, names, worker);
  }

  async #load(runnable: Runnable, held: Held): Promise<RunEnd | readonly LockName[]> {
    const { operation, args, ports } = runnable;
    const rows = new RowLooks(ports.db);
    const names = sortLockNames(await operation.locks(args, ports, rows));
    // Some too many do no harm: each deletion of a volume's snapshots takes a name from those that wait for it.
    if (!names.every((name) => held.lease.names.includes(name))) return names;
    const state = await operation.load(args, ports, rows);
    await this.#options.failpoints('loaded', held.claim);
    return this.#steps(runnable, held, state);
  }

  async #steps(runnable: Runnable, held: Held, state: unknown): Promise<RunEnd> {
    const { db, owner, failpoints } = this.#options;
    const { job, operation, ports, context, log } = runnable;
    const { keys } = ports;
    const scope = createScope({ db, keys, owner, failpoints, context, log, entry: job.entry, ...held });
    const settlement = isNothingToDo(state)
      ? idle(state)
      : await operation.settle(state, await result(operation, state, scope, ports), scope, ports);
    await failpoints('ran', held.claim);
    await settle({ db, owner, settlement, worked: workedOn(runnable), ...held });
    if (settlement.outbox.length > 0) this.#options.onOutbox();
    await failpoints('settled', held.claim);
    afterwards(settlement, log);
    return isNothingToDo(state) ? 'nothing-to-do' : settlement.outcome;
  }
}

/** What the steps came to. An error that says nothing definite, or any after an abort, is thrown instead. */
async function result(
  operation: Operation,
  state: unknown,
  scope: Scope,
  ports: OperationPorts,
): Promise<Result<unknown>> {
  try {
    return { ok: true, value: await operation.run(state, scope, ports) };
  } catch (thrown) {
    if (scope.signal.aborted || isUnknownOutcome(thrown)) throw thrown;
    return { ok: false, error: toError(thrown) };
  }
}

/** Of which upstream keeps a workers row while this is done, and with which status. */
function workedOn({ operation, args }: Runnable): (WorkedOn & { readonly status: string }) | undefined {
  const { workerStatus: status } = operation;
  if (status === undefined) return undefined;
  const { type, id } = operation.resource(args);
  return { resourceType: type, resourceId: id, status };
}

/** The end of an entry that has nothing left to do. */
function idle({ nothingToDo }: NothingToDo): Settlement {
  return { outcome: 'done', detail: nothingToDo, apply: () => Promise.resolve(), outbox: [] };
}

function isNothingToDo(state: unknown): state is NothingToDo {
  return typeof state === 'object' && state !== null && 'nothingToDo' in state;
}

function setState({ job, log }: Runnable, state: JobState): void {
  if (job.state === state) return;
  log.debug({ entry: job.entry.id, from: job.state, to: state }, 'entry moves on');
  job.state = state;
}

function afterwards(settlement: Settlement, log: Logger): void {
  try {
    settlement.after?.();
  } catch (err) {
    log.warn({ err }, 'what follows a settlement failed');
  }
}
