import { AppError, toError } from '../../kernel/errors.ts';
import type { StepGuard } from '../exec.ts';
import type { CapacityReport, DriverStats } from '../volume-driver.ts';
import type { RemoteFsParts } from './parts.ts';
import type { Candidate, Candidates } from './placement.ts';
import { gib } from './settings.ts';
import type { Share } from './shares.ts';

/** What is known of a share's room is used again for so long; the sums of what is promised are always new. */
const fresherThanMs = 1_000;
/** A share whose server does not answer is left out of a report, rather than holding it up. */
const statTimeoutMs = 15_000;

interface Room {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** How much room the shares have. */
export class Capacity {
  readonly #parts: RemoteFsParts;
  readonly #known = new Map<string, { readonly room: Room; readonly atMs: number }>();

  constructor(parts: RemoteFsParts) {
    this.#parts = parts;
  }

  async candidates(provisioned: ReadonlyMap<string, number>, guard: StepGuard): Promise<Candidates> {
    const found = await Promise.all(
      this.#parts.mounts.shares().map((share) => this.#candidate(share, provisioned, guard)),
    );
    const failures = found.filter((one) => one instanceof Error);
    return {
      usable: found.filter((one): one is Candidate => !(one instanceof Error)),
      doubt: failures.find((error) => !(error instanceof AppError) || error.outcome === 'unknown'),
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

  async #candidate(
    share: Share,
    provisioned: ReadonlyMap<string, number>,
    guard: StepGuard,
  ): Promise<Candidate | Error> {
    try {
      const { location } = share;
      return { location, ...(await this.#room(share, guard)), provisionedGb: provisioned.get(location) ?? 0 };
    } catch (error) {
      guard.signal.throwIfAborted();
      this.#parts.log.warn({ share: share.location, err: error }, 'the share cannot be used now');
      return toError(error);
    }
  }

  async #room(share: Share, guard: StepGuard): Promise<Room> {
    const { clock, mounts } = this.#parts;
    const known = this.#known.get(share.location);
    if (known !== undefined && clock.nowMs() - known.atMs < fresherThanMs) return known.room;
    await mounts.ensure(share, guard);
    const dir = mounts.folderOf(share.location);
    const { totalBytes, availableBytes } = await this.#parts.share.call('statfs', { dir }, guard, statTimeoutMs);
    const room = { totalBytes, availableBytes };
    this.#known.set(share.location, { room, atMs: clock.nowMs() });
    return room;
  }
}

function toGb({ totalBytes, availableBytes, provisionedGb }: Candidate): CapacityReport {
  return { totalGb: totalBytes / gib, freeGb: availableBytes / gib, provisionedGb };
}

function sumOf(provisioned: ReadonlyMap<string, number>): number {
  return [...provisioned.values()].reduce((all, one) => all + one, 0);
}
