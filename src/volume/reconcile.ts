import type { NewEntry } from '../db/ports/custody.ts';
import type { VolumeFilter } from '../db/ports/resources.ts';
import type { Snapshot, Volume } from '../domain/rows.ts';
import type { Component, Health } from '../kernel/component.ts';
import { Backoff } from '../kernel/backoff.ts';
import { Loop } from '../kernel/loop.ts';
import { pages, type Page } from '../kernel/pages.ts';
import type { RequestCopies } from '../rpc/method.ts';
import { CopiedCreations, type UnclearVolume } from './copied-creations.ts';
import type { CustodyOptions } from './custody-options.ts';
import type { Door } from './door.ts';
import { waitsToBeMade } from './lost-creation.ts';
import { LOST_REQUESTS, lostEntry, seenOf } from './lost-requests.ts';
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

/** The pauses before a look that was due and did not take place, or did not see all. */
const lookAgain = { initialMs: 5_000, maxMs: 60_000 };

interface Look {
  readonly carried: Set<string>;
  /** Volumes whose rows do not say what their requests said. */
  readonly unclear: UnclearVolume[];
  readonly olderThanMs: number;
  readonly signal: AbortSignal;
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
  readonly #copied: CopiedCreations;
  readonly #loop: Loop;
  /** Rows that nobody carries and that are not touched either; each is reported once. */
  #uncarried: readonly Uncarried[] = [];
  /** When a connection to the broker was lost last, and when that asks for a look; on the clock. */
  #lostMs = Number.NEGATIVE_INFINITY;
  #lookAtMs: number | undefined;
  readonly #again = new Backoff(lookAgain);

  constructor(options: CustodyOptions, door: Door, copies: RequestCopies | null) {
    this.#options = options;
    this.#door = door;
    this.#copied = new CopiedCreations({ ...options, copies });
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
    this.#copied.brokerLost();
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
    this.#lookAtMs = nowMs + this.#again.nextMs();
    if (!(await this.turn(signal, reconcileAfterLossMs))) return;
    this.#again.reset();
    // Lost again meanwhile: what was sent between the two is not old enough yet.
    const nextMs = this.#lostMs + reconcileAfterLossMs;
    this.#lookAtMs = nextMs > nowMs ? nextMs : undefined;
  }

  /**
   * One look over all backends that are ready, for rows that are at least so old.
   *
   * @returns whether it took place, and saw all there is to be seen
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
    const look: Look = { carried, unclear: [], olderThanMs, signal };
    for (const backend of backends) {
      for (const order of LOST_REQUESTS.filter(({ method }) => this.#door.serves(method))) {
        await this.#takeUp(order, backend, look);
      }
    }
    // Last: a broker that does not answer holds up nothing else.
    const isSure = await this.#copied.look(look.unclear, (entries) => this.#journal(entries, look), signal);
    await this.#report(backends, look);
    return isSure;
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
        if (await this.#isClear(order, row)) entries.push(this.#entry(order, backend, row));
        else if ('source_volid' in row) look.unclear.push({ backend, row });
      }
      await this.#journal(entries, look);
    }
  }

  async #journal(entries: readonly NewEntry[], { carried }: Look): Promise<void> {
    for (const { resourceType, resourceId } of entries) carried.add(`${resourceType} ${resourceId}`);
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
    return row.snapshot_id !== null || row.source_volid !== null;
  }

  #entry(order: LostRequest, backend: string, row: Volume | Snapshot): NewEntry {
    const context = this.#options.codec.serviceContext();
    return lostEntry(order, { backend, row, context, origin: 'reconcile', seen: seenOf(row), isWhole: true });
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
