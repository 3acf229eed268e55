import type { JournalEntry, JournalRepository, NewEntry } from '../db/ports/custody.ts';
import { DatabaseError } from '../db/database.ts';
import { toError } from '../kernel/errors.ts';

/** How many entries go into one INSERT. */
const largestBatch = 100;

interface Waiting {
  readonly entry: NewEntry;
  readonly resolve: (received: JournalEntry | null) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Puts requests into the journal, those that arrive together in one statement: while one INSERT is under way the next
 * batch gathers, so that a burst costs few commits and a single request waits for nobody.
 */
export class Intake {
  readonly #journal: Pick<JournalRepository, 'receive'>;
  readonly #owner: string;
  readonly #onDoubt: () => void;
  #gathering: Waiting[] = [];
  #flushing = false;

  /** @param options.onDoubt an INSERT's answer got lost: the journal may hold entries of ours that nobody runs */
  constructor(options: { journal: Pick<JournalRepository, 'receive'>; owner: string; onDoubt: () => void }) {
    this.#journal = options.journal;
    this.#owner = options.owner;
    this.#onDoubt = options.onDoubt;
  }

  /** The entry, once it is committed; null: it is a duplicate. Rejects when it may not have been kept. */
  receive(entry: NewEntry): Promise<JournalEntry | null> {
    return new Promise((resolve, reject) => {
      this.#gathering.push({ entry, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      // Not at once: the requests of this turn of the event loop share the statement.
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    while (this.#gathering.length > 0) await this.#commit(this.#gathering.splice(0, largestBatch));
    this.#flushing = false;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const entries = batch.map(({ entry }) => entry);
      this.#answer(batch, await this.#journal.receive(entries, this.#owner));
    } catch (thrown) {
      await this.#afterFailure(batch, toError(thrown));
    }
  }

  #answer(batch: readonly Waiting[], received: readonly JournalEntry[]): void {
    const fresh = new Map(received.map((entry) => [entry.uniqueId, entry]));
    for (const { entry, resolve } of batch) {
      resolve(fresh.get(entry.uniqueId) ?? null);
      // A message that came twice within one batch is one entry, for the first.
      fresh.delete(entry.uniqueId);
    }
  }

  /** One entry that the database refuses must not take the others with it. */
  async #afterFailure(batch: readonly Waiting[], error: Error): Promise<void> {
    if (batch.length > 1 && error instanceof DatabaseError && error.outcome === 'failed') {
      for (const one of batch) await this.#commit([one]);
      return;
    }
    if (!(error instanceof DatabaseError) || error.outcome === 'unknown') this.#onDoubt();
    for (const { reject } of batch) reject(error);
  }
}
