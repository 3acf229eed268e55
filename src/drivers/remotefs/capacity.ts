import { raceAbort, withTimeout } from '../../kernel/abort.ts';
import { AppError, toError } from '../../kernel/errors.ts';
import { unlocked, type StepGuard } from '../exec.ts';
import type { CapacityReport, DriverStats } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';
import type { Candidate, Candidates } from './placement.ts';
import { gib } from './settings.ts';
import type { Share } from './shares.ts';

/** What is known of a share's room is used again for so long; the sums of what is promised are always new. */
const fresherThanMs = 1_000;
/** A share whose server does not answer is left out of a report, rather than holding it up. */
const statTimeoutMs = 15_000;
/** It may have to be mounted first. */
const askTimeoutMs = 20_000;

interface Room {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/**
 * How much room the shares have. Each is asked by one at a time, for all. For one that gave no answer the last time nobody
 * who looks for a place waits: it is asked beside that, and counts again as soon as it answers.
 */
export class Capacity {
  readonly #parts: RemoteFsParts;
  readonly #known = new Map<string, { readonly room: Room; readonly atMs: number }>();

  readonly #asking = new Map<string, Promise<Room>>();
  readonly #doubts = new Map<string, Error>();

  constructor(parts: RemoteFsParts) {
    this.#parts = parts;
  }

  async candidates(provisioned: ReadonlyMap<string, number>, guard: StepGuard): Promise<Candidates> {
    const found = await Promise.all(
      this.#parts.mounts.shares().map((share) => this.#doubtOf(share) ?? this.#candidate(share, provisioned, guard)),
    );
    const failures = found.filter((one) => one instanceof Error);
    return {
      usable: found.filter((one): one is Candidate => !(one instanceof Error)),
      doubt: failures.find(isDoubt),
    };
  }

  async report(
    provisioned: ReadonlyMap<string, number>,
    guard: StepGuard,
  ): Promise<{ readonly total: CapacityReport; readonly shares: DriverStats['shares'] }> {
    const shares = await Promise.all(
      this.#parts.mounts.shares().map(async (share) => {
        const { location } = share;
        const found = await this.#candidate(share, provisioned, guard);
        return found instanceof Error
          ? { location, capacity: null, problem: found.message }
          : { location, capacity: toGb(found) };
      }),
    );
    const known = shares.flatMap(({ capacity }) => (capacity === null ? [] : [capacity]));
    const sum = (of: (capacity: CapacityReport) => number): number => known.reduce((all, one) => all + of(one), 0);
    const total = {
      totalGb: sum((one) => one.totalGb),
      freeGb: sum((one) => one.freeGb),
      provisionedGb: sumOf(provisioned),
    };
    return { total, shares };
  }

  /** Why the share gave no answer the last time; it is asked anew meanwhile. */
  #doubtOf(share: Share): Promise<Error> | undefined {
    const doubt = this.#doubts.get(share.location);
    if (doubt === undefined) return undefined;
    this.#room(share).catch(() => undefined);
    return Promise.resolve(doubt);
  }

  async #candidate(
    share: Share,
    provisioned: ReadonlyMap<string, number>,
    guard: StepGuard,
  ): Promise<Candidate | Error> {
    try {
      const { location } = share;
      const room = await raceAbort(this.#room(share), guard.signal);
      return { location, ...room, provisionedGb: provisioned.get(location) ?? 0 };
    } catch (error) {
      guard.signal.throwIfAborted();
      return toError(error);
    }
  }

  async #room(share: Share): Promise<Room> {
    const { location } = share;
    const known = this.#known.get(location);
    if (known !== undefined && this.#parts.clock.nowMs() - known.atMs < fresherThanMs) return known.room;
    const asking = this.#asking.get(location) ?? this.#ask(share).finally(() => this.#asking.delete(location));
    this.#asking.set(location, asking);
    return asking;
  }

  async #ask(share: Share): Promise<Room> {
    const { location } = share;
    try {
      const room = await withTimeout(`the room of ${location}`, askTimeoutMs, this.#measure(share));
      this.#known.set(location, { room, atMs: this.#parts.clock.nowMs() });
      this.#doubts.delete(location);
      return room;
    } catch (thrown) {
      const error = toError(thrown);
      if (isDoubt(error)) this.#doubts.set(location, error);
      else this.#doubts.delete(location);
      this.#parts.log.warn({ share: location, err: error }, 'the share cannot be used now');
      throw error;
    }
  }

  async #measure(share: Share): Promise<Room> {
    const { mounts } = this.#parts;
    await mounts.ensure(share, unlocked);
    const dir = mounts.folderOf(share.location);
    const { totalBytes, availableBytes } = await this.#parts.share.call('statfs', { dir }, unlocked, statTimeoutMs);
    return { totalBytes, availableBytes };
  }
}

function isDoubt(error: Error): boolean {
  return !(error instanceof AppError) || error.outcome === 'unknown';
}

function toGb({ totalBytes, availableBytes, provisionedGb }: Candidate): CapacityReport {
  return { totalGb: totalBytes / gib, freeGb: availableBytes / gib, provisionedGb };
}

function sumOf(provisioned: ReadonlyMap<string, number>): number {
  return [...provisioned.values()].reduce((all, one) => all + one, 0);
}
