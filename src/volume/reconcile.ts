import type { NewEntry } from '../db/ports/custody.ts';
import type { VolumeFilter } from '../db/ports/resources.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Component, Health } from '../kernel/component.ts';
import { Loop } from '../kernel/loop.ts';
import type { CustodyOptions } from './custody-options.ts';
import type { Door } from './door.ts';
import { LOST_REQUESTS, lostEntry } from './lost-requests.ts';
import type { LostRequest } from './lost-requests.ts';
import { readyBackends } from './ready-backends.ts';

const pageSize = 200;

/** More unfinished entries than this are not compared with rows: the queue is at work, and what it lost can wait. */
const mostUnfinished = 10_000;

export interface ReconcileHooks {
  /**
   * Whether a volume whose row names no source is to be made empty. The row alone does not tell: one that is made from
   * an image, or that a backup is restored into, looks the same. Where nobody can tell, it is reported, never guessed.
   */
  isCreatedEmpty(volume: Volume): Promise<boolean>;
}

/**
 * Takes up requests that the message queue has lost: rows that wait in a state of the closed list, older than any
 * message on its way, without an unfinished journal entry. All replicas look; the entry's id is made from the row as it
 * is, so that it is one entry, made once for each state of the row.
 */
export class Reconciler implements Component {
  readonly name = 'reconciliation';
  readonly #options: CustodyOptions;
  readonly #door: Door;
  readonly #hooks: ReconcileHooks;
  readonly #loop: Loop;
  /** Rows that were reported and not touched, so that each is reported once. */
  #reported = new Set<string>();

  constructor(options: CustodyOptions, door: Door, hooks: ReconcileHooks) {
    this.#options = options;
    this.#door = door;
    this.#hooks = hooks;
    this.#loop = new Loop({
      turn: (signal) => this.turn(signal),
      pauseMs: () => options.timings.reconcileIntervalMs,
      onError: (err) => options.log.warn({ err }, 'could not look for lost requests'),
    });
  }

  start(): Promise<void> {
    this.#loop.start(this.#options.timings.reconcileIntervalMs);
    return Promise.resolve();
  }

  stop(how: { force: AbortSignal }): Promise<void> {
    return this.#loop.stop(how.force);
  }

  health(): Health {
    return { ok: true };
  }

  /** One look over all backends that are ready. */
  async turn(signal: AbortSignal): Promise<void> {
    const { db, ports, log } = this.#options;
    const backends = readyBackends(ports);
    if (backends.length === 0) return;
    const unfinished = await db.journal.unfinished(backends, mostUnfinished);
    if (unfinished.length >= mostUnfinished) {
      log.info({ unfinished: unfinished.length }, 'too much is under way to look for lost requests');
      return;
    }
    const carried = new Set(unfinished.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`));
    const stillReported = new Set<string>();
    for (const backend of backends) {
      for (const order of LOST_REQUESTS.filter(({ method }) => this.#door.serves(method))) {
        await this.#takeUp(order, backend, { carried, stillReported, signal });
      }
    }
    this.#reported = stillReported;
  }

  async #takeUp(
    order: LostRequest,
    backend: string,
    look: { carried: ReadonlySet<string>; stillReported: Set<string>; signal: AbortSignal },
  ): Promise<void> {
    let after: string | undefined;
    do {
      look.signal.throwIfAborted();
      const rows = await this.#rows(order, backend, after);
      const lost = rows.filter(({ id }) => !look.carried.has(`${order.type} ${id}`));
      const entries: NewEntry[] = [];
      for (const row of lost) {
        if (await this.#isClear(order, row)) entries.push(this.#entry(order, backend, row));
        else this.#reportOnce(order, row.id, look.stillReported);
      }
      await this.#journal(entries);
      after = rows.length < pageSize ? undefined : rows.at(-1)?.id;
    } while (after !== undefined);
  }

  async #journal(entries: readonly NewEntry[]): Promise<void> {
    const fresh = await this.#door.receiveOwn(entries);
    if (fresh === 0) return;
    const rows = entries.map(({ method, resourceId }) => `${method} ${resourceId}`);
    this.#options.log.warn({ rows, fresh }, 'took up requests that no message brought');
  }

  #rows(
    { type, status }: LostRequest,
    backend: string,
    after: string | undefined,
  ): Promise<readonly (Volume | Snapshot)[]> {
    const { db, timings } = this.#options;
    const filter: VolumeFilter = {
      backend,
      statuses: [status],
      olderThanMs: timings.reconcileOlderThanMs,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    };
    return type === 'Volume' ? db.volumes.list(filter) : db.snapshots.list(filter);
  }

  /** Whether the row says all that its request said. */
  async #isClear({ method }: LostRequest, row: Volume | Snapshot): Promise<boolean> {
    if (method !== 'create_volume' || !('snapshot_id' in row)) return true;
    if (row.snapshot_id !== null || row.source_volid !== null) return true;
    return this.#hooks.isCreatedEmpty(row);
  }

  #entry(order: LostRequest, backend: string, row: Volume | Snapshot): NewEntry {
    const seen = row.updated_at ?? row.created_at ?? '';
    const context = this.#options.codec.serviceContext();
    return lostEntry(order, { backend, row, context, origin: 'reconcile', seen, isWhole: true });
  }

  #reportOnce({ status }: LostRequest, id: string, stillReported: Set<string>): void {
    stillReported.add(id);
    if (this.#reported.has(id)) return;
    this.#options.log.warn(
      { volume_id: id, status },
      'nobody carries this volume, and its row does not say what it is made from; reset its state or delete it',
    );
  }
}
