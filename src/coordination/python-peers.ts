import type { Component, Health } from '../kernel/component.ts';
import { jittered } from '../kernel/jitter.ts';
import { Loop } from '../kernel/loop.ts';
import type { Logger } from '../log/logger.ts';
import { lookForPython, type PythonLookOptions, type PythonMeeting } from './python-look.ts';

/** Python's services on one queue that are reckoned with: the one of before, and the one that replaces it. */
const pythonsAtMost = 2;

/** A Python service logs each request that it refuses; where all is well it is asked so much less often. */
const settledTimes = 10;

export interface PythonPeersOptions extends Omit<PythonLookOptions, 'signal'> {
  /** `host@backend` of every queue that is read here and that a Python service may read as well. */
  readonly backends: readonly string[];
  /** How many replicas of ours read the queue of one of them. */
  readonly replicas: () => number;
  /** `[coordination] meet_interval`; 0: never. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * Looks from time to time for Python's services on our queues, and whether they wait for our locks. One that does not
 * makes this replica not ready: the two could change one volume at a time.
 */
export class PythonPeers implements Component {
  readonly name = 'python peers';
  readonly #options: PythonPeersOptions;
  readonly #meetings = new Map<string, PythonMeeting>();
  readonly #looker: Loop;

  constructor(options: PythonPeersOptions) {
    this.#options = options;
    this.#looker = new Loop({
      turn: (signal) => this.#turn(signal),
      pauseMs: () => this.#pauseMs(),
      onError: (err) => options.log.warn({ err }, 'cannot look whether Python services wait for our locks'),
    });
  }

  start(): Promise<void> {
    if (this.#options.intervalMs > 0) this.#looker.start();
    return Promise.resolve();
  }

  async stop(how: { force: AbortSignal }): Promise<void> {
    await this.#looker.stop(how.force);
  }

  health(): Health {
    const apart = [...this.#meetings].filter(([, meeting]) => meeting === 'apart').map(([backend]) => backend);
    if (apart.length === 0) return { ok: true };
    return { ok: false, detail: `${apartText(apart.join(', '))}; compare [coordination]` };
  }

  /** As of the last look; a backend that was not looked at yet is missing. */
  meetings(): ReadonlyMap<string, PythonMeeting> {
    return this.#meetings;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { backends, replicas } = this.#options;
    for (const backend of backends) {
      const meeting = await lookForPython(backend, replicas() + pythonsAtMost, { ...this.#options, signal });
      const before = this.#meetings.get(backend);
      // Somebody who is busy just now takes back nothing of what was seen.
      const known = meeting === 'unsure' && before !== undefined ? before : meeting;
      this.#meetings.set(backend, known);
      if (known !== before) this.#report(backend, known);
    }
  }

  #report(backend: string, meeting: PythonMeeting): void {
    const { log } = this.#options;
    if (meeting === 'apart') log.error({ backend }, `${apartText(backend)}; compare [coordination]`);
    else if (meeting === 'meets') log.info({ backend }, 'a Python service on our queue waits for our locks');
    else log.debug({ backend, meeting }, 'looked for Python services on our queue');
  }

  #pauseMs(): number {
    const { intervalMs } = this.#options;
    const settled = [...this.#meetings.values()].every((meeting) => meeting === 'meets' || meeting === 'none');
    return jittered(intervalMs * (settled ? settledTimes : 1));
  }
}

/** Also what `lock check` says. */
export function apartText(backend: string): string {
  return `a Python service on the queue of ${backend} does not wait for our locks`;
}
