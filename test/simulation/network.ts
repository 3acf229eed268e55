import type { Random } from './random.ts';
import type { Place, VirtualTime } from './virtual-time.ts';

/** No answer: the request may have had its effect. */
export class NoAnswerError extends Error {}

/** How a client reaches servers at present. */
export interface Line {
  /** `to`: requests vanish; `from`: answers vanish; `both`. */
  cut: 'no' | 'to' | 'from' | 'both';
  slowMs: number;
}

/** Carries calls between places, late or not at all, each part of a call as a happening of its own. */
export class Network {
  readonly #time: VirtualTime;
  readonly #random: Random;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** Runs `work` at `server`, and brings the result back. Rejects after `withinMs` by the client's timer. */
  call<T>(client: Place, line: Line, server: Place, withinMs: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#time.after(withinMs, () => reject(new NoAnswerError(`no answer of ${server.name}`)), client);
      if (line.cut === 'to' || line.cut === 'both') return;
      this.#time.after(
        this.#latencyMs(line),
        () => {
          const result = work();
          if (line.cut === 'from' || line.cut === 'both') return;
          this.#time.after(this.#latencyMs(line), () => resolve(result), client);
        },
        server,
      );
    });
  }

  #latencyMs({ slowMs }: Line): number {
    return (
      this.#random.between(0.2, 3) + (slowMs > 0 && this.#random.chance(0.5) ? this.#random.between(0, slowMs) : 0)
    );
  }
}
