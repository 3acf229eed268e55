/** An instant that one thread writes and any thread reads, in shared memory, to the microsecond. */
export class SharedInstant {
  readonly buffer: SharedArrayBuffer;
  readonly #microseconds: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#microseconds = new BigInt64Array(buffer);
  }

  /** `Clock` milliseconds; 0 before the first `write`. */
  read(): number {
    return Number(Atomics.load(this.#microseconds, 0)) / 1000;
  }

  write(ms: number): void {
    Atomics.store(this.#microseconds, 0, inMicroseconds(ms));
  }

  /** Writes only what `next` makes of the present instant, also while other threads write; undefined: leaves it. */
  update(next: (presentMs: number) => number | undefined): void {
    for (;;) {
      const present = Atomics.load(this.#microseconds, 0);
      const ms = next(Number(present) / 1000);
      if (ms === undefined) return;
      if (Atomics.compareExchange(this.#microseconds, 0, present, inMicroseconds(ms)) === present) return;
    }
  }
}

const inMicroseconds = (ms: number): bigint => BigInt(Math.floor(ms * 1000));

/** What stands in a cell for `Infinity` and for "ended": years away from any real instant. */
const foreverMs = 2 ** 52;
const endedMs = -1;

/**
 * Until when one lock is provably ours. A backend writes it, perhaps on its own thread; the lease reads it without a
 * message, so that a busy thread on either side cannot delay the news.
 */
export class ProofCell {
  readonly #until: SharedInstant;

  constructor(buffer?: SharedArrayBuffer) {
    this.#until = new SharedInstant(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.#until.buffer;
  }

  /** `Clock` milliseconds; `Infinity` if only our own end ends the lock, `-Infinity` once it is lost or given back. */
  untilMs(): number {
    const ms = this.#until.read();
    return ms === endedMs ? -Infinity : ms >= foreverMs ? Infinity : ms;
  }

  /**
   * A renewal was confirmed. An ended proof stays ended, though the other thread ended it this very moment, and an
   * answer that comes late takes nothing back.
   */
  extend(untilMs: number): void {
    this.#until.update((present) =>
      present !== endedMs && untilMs > present ? Math.min(untilMs, foreverMs) : undefined,
    );
  }

  end(): void {
    this.#until.write(endedMs);
  }
}
