import type { NewEntry } from '../db/ports/custody.ts';
import type { VolumeFilter } from '../db/ports/resources.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Component, Health } from '../kernel/component.ts';
import { Loop } from '../kernel/loop.ts';
import { pages, type Page } from '../kernel/pages.ts';
import type { CustodyOptions } from './custody-options.ts';
import type { Door } from './door.ts';
import { waitsToBeMade } from './lost-creation.ts';
import { LOST_REQUESTS, lostEntry } from './lost-requests.ts';
import type { LostRequest } from './lost-requests.ts';
import { readyBackends } from './ready-backends.ts';
import { findUncarried, type Uncarried } from './uncarried.ts';

const pageSize = 200;

/** More unfinished entries than this are not compared with rows: the queue is at work, and what it lost can wait. */
const mostUnfinished = 10_000;

const logKeys = {
  Volume: 'volume_id',
  Snapshot: 'snapshot_id',
  Group: 'group_id',
  GroupSnapshot: 'group_snapshot_id',
} as const satisfies Record<Uncarried['type'], string>;

/** The pause before a look that was due and did not take place. */
const lookAgainMs = 5_000;

interface Look {
  readonly carried: Set<string>;
  readonly olderThanMs: number;
  readonly signal: AbortSignal;
}

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
 *
 * A broker that goes may forget what it held. Who loses it looks a minute later, and then for younger rows as well: a
 * message that comes all the same finds its work done.
 */
export class Reconciler implements Component {
  readonly name = 'reconciliation';
  readonly #options: CustodyOptions;
  readonly #door: Door;
  readonly #hooks: ReconcileHooks;
  readonly #loop: Loop;
  /** Rows that nobody carries and that are not touched either; each is reported once. */
  #uncarried: readonly Uncarried[] = [];
  /** When a connection to the broker was lost last, and when that asks for a look; on the clock. */
  #lostMs = Number.NEGATIVE_INFINITY;
  #lookAtMs: number | undefined;

  constructor(options: CustodyOptions, door: Door, hooks: ReconcileHooks) {
    this.#options = options;
    this.#door = door;
    this.#hooks = hooks;
    this.#loop = new Loop({
      turn: (signal) => this.#look(signal),
      pauseMs: () => this.#pauseMs(),
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

  /** The broker may have forgotten what it held. */
  brokerLost(): void {
    const { clock, timings } = this.#options;
    this.#lostMs = clock.nowMs();
    if (this.#lookAtMs !== undefined) return;
    this.#lookAtMs = this.#lostMs + timings.reconcileAfterLossMs;
    this.#loop.wake();
  }

  #pauseMs(): number {
    const { clock, timings } = this.#options;
    const untilLookMs = (this.#lookAtMs ?? Number.POSITIVE_INFINITY) - clock.nowMs();
    return Math.min(timings.reconcileIntervalMs, Math.max(untilLookMs, 0));
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { reconcileAfterLossMs } = this.#options.timings;
    const nowMs = this.#options.clock.nowMs();
    if (this.#lookAtMs === undefined || this.#lookAtMs > nowMs) {
      await this.turn(signal);
      return;
    }
    // Due until it is done, but not at once again: the database may have gone together with the broker.
    this.#lookAtMs = nowMs + lookAgainMs;
    if (!(await this.turn(signal, reconcileAfterLossMs))) return;
    // Lost again meanwhile: what was sent between the two is not old enough yet.
    const nextMs = this.#lostMs + reconcileAfterLossMs;
    this.#lookAtMs = nextMs > nowMs ? nextMs : undefined;
  }

  /**
   * One look over all backends that are ready, for rows that are at least so old.
   *
   * @returns whether it took place
   */
  async turn(signal: AbortSignal, olderThanMs = this.#options.timings.reconcileOlderThanMs): Promise<boolean> {
    const { db, ports, log } = this.#options;
    const backends = readyBackends(ports);
    if (backends.length === 0) return false;
    const unfinished = await db.journal.unfinished(backends, mostUnfinished);
    if (unfinished.length >= mostUnfinished) {
      log.info({ unfinished: unfinished.length }, 'too much is under way to look for lost requests');
      return false;
    }
    const carried = new Set(unfinished.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`));
    for (const backend of backends) {
      for (const order of LOST_REQUESTS.filter(({ method }) => this.#door.serves(method))) {
        await this.#takeUp(order, backend, { carried, olderThanMs, signal });
      }
    }
    await this.#report(backends, { carried, olderThanMs });
    return true;
  }

  /** As the last look found them. */
  uncarried(): readonly Uncarried[] {
    return this.#uncarried;
  }

  async #takeUp(order: LostRequest, backend: string, look: Look): Promise<void> {
    for await (const rows of pages(pageSize, (page) => this.#rows(order, backend, page, look))) {
      const lost = rows.filter(({ id }) => !look.carried.has(`${order.type} ${id}`));
      const entries: NewEntry[] = [];
      for (const row of lost) {
        if (!(await this.#isClear(order, row))) continue;
        entries.push(this.#entry(order, backend, row));
        look.carried.add(`${order.type} ${row.id}`);
      }
      await this.#journal(entries);
    }
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
    page: Page,
    { olderThanMs, signal }: Look,
  ): Promise<readonly (Volume | Snapshot)[]> {
    signal.throwIfAborted();
    const { db } = this.#options;
    const filter: VolumeFilter = { backend, statuses: [status], olderThanMs, ...page };
    return type === 'Volume' ? db.volumes.list(filter) : db.snapshots.list(filter);
  }

  /** Whether the row says all that its request said. */
  async #isClear({ method }: LostRequest, row: Volume | Snapshot): Promise<boolean> {
    if (method === 'create_snapshot' && 'volume_size' in row) return waitsToBeMade(this.#options.db, row);
    if (method !== 'create_volume' || !('snapshot_id' in row)) return true;
    if (row.snapshot_id !== null || row.source_volid !== null) return true;
    return this.#hooks.isCreatedEmpty(row);
  }

  #entry(order: LostRequest, backend: string, row: Volume | Snapshot): NewEntry {
    const seen = row.updated_at ?? row.created_at ?? '';
    const context = this.#options.codec.serviceContext();
    return lostEntry(order, { backend, row, context, origin: 'reconcile', seen, isWhole: true });
  }

  async #report(backends: readonly string[], look: Pick<Look, 'carried' | 'olderThanMs'>): Promise<void> {
    const { db, log } = this.#options;
    const found = await Promise.all(backends.map((backend) => findUncarried(db, { ...look, backend })));
    const reported = new Set(this.#uncarried.map(({ id, status }) => `${id} ${status}`));
    this.#uncarried = found.flat();
    for (const { type, id, status, since, reason, command } of this.#uncarried) {
      if (reported.has(`${id} ${status}`)) continue;
      const fields = { [logKeys[type]]: id, status, since, command };
      log.warn(fields, `nobody carries this ${type.toLowerCase()}, and it is left alone: ${reason}`);
    }
  }
}
