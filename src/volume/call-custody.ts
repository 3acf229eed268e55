import { randomUUID } from 'node:crypto';
import { LeaseLostError } from '../coordination/coordinator.ts';
import type { LockName } from '../coordination/lock-names.ts';
import { DatabaseError, type Repositories } from '../db/database.ts';
import type { OutboxMessage } from '../db/ports/custody.ts';
import type { DriverWork } from '../drivers/volume-driver.ts';
import { childAbort, delay } from '../kernel/abort.ts';
import { Backoff } from '../kernel/backoff.ts';
import { AppError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { CustodyOptions } from './custody-options.ts';
import { assertOurs, createDriverWork, tagOf, type WorkGrounds } from './driver-work.ts';
import { releaseLease } from './release-lease.ts';

type Options = Pick<CustodyOptions, 'db' | 'coordinator' | 'failpoints'> & {
  /** The incarnation: the owner of the messages that a call leaves. */
  readonly owner: string;
  /** A call has left messages in the outbox. */
  readonly onOutbox: () => void;
};

/** Puts messages into the outbox, with the rows that they tell of. */
export type Tell = (messages: readonly OutboxMessage[]) => Promise<void>;

/** What a call may do under its locks. */
export interface CallScope {
  readonly work: DriverWork;
  /** One transaction, which first checks that the locks are still ours. A write that ran before may run again. */
  readonly save: <T>(write: (db: Repositories, tell: Tell) => Promise<T>) => Promise<T>;
}

/** What a call is given by its caller: patience. */
export interface CallPatience {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * The door's small sister, for calls. A call is not journalled: whoever gets its message again runs it again. What it
 * shares with an entry is what keeps a predecessor harmless: locks before looking, tokens minted under them, and every
 * write and commit point behind a check of the tokens.
 *
 * An end of which nothing definite is known (the commit's answer got lost, a lock was, the row changed meanwhile) is
 * never answered as failure or success: the work is done again from its first look, as long as the caller waits. The
 * work must therefore find its own first run's result and answer the same.
 */
export class CallCustody {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  async locked<T>(
    names: readonly LockName[],
    patience: CallPatience,
    work: (scope: CallScope) => Promise<T>,
  ): Promise<T> {
    const backoff = new Backoff({ initialMs: 50, maxMs: 2_000 });
    for (;;) {
      try {
        return await this.#once(names, patience, work);
      } catch (err) {
        if (patience.signal.aborted || !isUndecided(err)) throw err;
        patience.log.warn({ err, locks: names }, 'a call came to nothing definite and looks again');
      }
      await delay(backoff.nextMs(), patience.signal);
    }
  }

  async #once<T>(
    names: readonly LockName[],
    { signal, log }: CallPatience,
    work: (scope: CallScope) => Promise<T>,
  ): Promise<T> {
    const { db, coordinator, failpoints } = this.#options;
    const lease = await coordinator.acquire(names, { waitMs: 'forever', signal });
    const both = childAbort(lease.signal, signal);
    try {
      await failpoints('call locked');
      const tokens = await db.fence.mint(lease.names);
      return await work(this.#scope({ lease, tokens, signal: both.signal, log }));
    } catch (error) {
      // What was cut short by the loss says nothing of the call, in whatever words the driver or its helper put it.
      if (!lease.signal.aborted || signal.aborted || isUndecided(error)) throw error;
      throw new LeaseLostError(lease.names, messageOf(error));
    } finally {
      both.detach();
      await releaseLease(lease, log);
    }
  }

  #scope(held: Pick<WorkGrounds, 'lease' | 'tokens' | 'signal' | 'log'>): CallScope {
    const { db, owner, failpoints, onOutbox } = this.#options;
    const ownerTag = tagOf(held.tokens, `k${randomUUID().replaceAll('-', '')}`);
    return {
      work: createDriverWork({ ...held, db, ownerTag, failpoints }),
      save: async (write) => {
        assertOurs(held);
        let told = 0;
        const result = await db.transaction(async (statements) => {
          await statements.fence.check(held.tokens);
          told = 0;
          return write(statements, async (messages) => {
            told += messages.length;
            if (messages.length > 0) await statements.outbox.add(messages, owner);
          });
        });
        if (told > 0) onOutbox();
        await failpoints('call saved');
        return result;
      },
    };
  }
}

/** A refusal by the database's own rules is definite: it would be refused again. */
function isUndecided(thrown: unknown): boolean {
  if (thrown instanceof DatabaseError) return thrown.outcome === 'unknown' || thrown.answer === undefined;
  return thrown instanceof AppError && thrown.outcome === 'unknown';
}
