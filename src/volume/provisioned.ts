import type { VolumeRepository } from '../db/ports/resources.ts';
import type { Clock } from '../kernel/clock.ts';

/** How long sums are good for: at least this, and so many times as long as adding them up took. */
const leastAgeMs = 1_000;
const ageFactor = 20;

interface Sums {
  readonly of: string;
  readonly byLocation: Promise<Map<string, number>>;
  untilMs: number;
}

/**
 * GiB promised so far, by `provider_location`, of every replica and of Python peers. Adding up the rows of a large
 * backend for each new volume would keep the database busy with nothing else, so sums serve for a moment, with what
 * was placed here since. What others placed in that moment is missed: placing by free room is a best effort anyway.
 */
export class Provisioned {
  readonly #volumes: Pick<VolumeRepository, 'provisionedByLocation'>;
  readonly #clock: Clock;
  #sums: Sums | undefined;

  constructor(volumes: Pick<VolumeRepository, 'provisionedByLocation'>, clock: Clock) {
    this.#volumes = volumes;
    this.#clock = clock;
  }

  async byLocation(locations: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const of = locations.join('\n');
    const sums = this.#sums;
    if (sums?.of === of && this.#clock.nowMs() < sums.untilMs) return sums.byLocation;
    return this.#read(of, locations);
  }

  /** A volume of `sizeGb` has been given its place here. */
  async placed(location: string, sizeGb: number): Promise<void> {
    const sums = await this.#sums?.byLocation.catch(() => undefined);
    sums?.set(location, (sums.get(location) ?? 0) + sizeGb);
  }

  /** Whoever asks while the rows are added up waits for the same answer; one that failed is asked for anew. */
  #read(of: string, locations: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const sinceMs = this.#clock.nowMs();
    const byLocation = this.#volumes.provisionedByLocation(locations).then((found) => new Map(found));
    const sums: Sums = { of, byLocation, untilMs: Infinity };
    this.#sums = sums;
    byLocation.then(
      () => (sums.untilMs = this.#clock.nowMs() + Math.max(leastAgeMs, ageFactor * (this.#clock.nowMs() - sinceMs))),
      () => (sums.untilMs = -Infinity),
    );
    return byLocation;
  }
}
