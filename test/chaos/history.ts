import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

export type EventKind = 'phase' | 'fault' | 'sent' | 'ended' | 'refused' | 'difference';

export interface HistoryEvent {
  /** Seconds since the start. */
  readonly at: number;
  readonly kind: EventKind;
  readonly what: string;
  /** Ids of the resources that it is about. */
  readonly about: readonly string[];
}

/** Everything that was asked for, came of it and was done to the replicas, in order; on disk as it happens. */
export class History {
  readonly file: string;
  readonly #events: HistoryEvent[] = [];
  readonly #since = performance.now();

  constructor(dir: string) {
    this.file = join(dir, 'history.jsonl');
  }

  add(kind: EventKind, what: string, about: readonly string[] = []): void {
    const event = { at: Math.round(performance.now() - this.#since) / 1000, kind, what, about };
    this.#events.push(event);
    appendFileSync(this.file, `${JSON.stringify(event)}\n`);
  }

  count(kind: EventKind): number {
    return this.#events.filter((event) => event.kind === kind).length;
  }

  /** What concerns these resources, and every fault between the first and the last of it. */
  concerning(ids: readonly string[]): readonly HistoryEvent[] {
    const concerns = ({ about, what }: HistoryEvent): boolean =>
      ids.some((id) => about.includes(id) || what.includes(id));
    const first = this.#events.findIndex(concerns);
    const last = this.#events.findLastIndex(concerns);
    return this.#events.slice(first, last + 1).filter((event) => event.kind === 'fault' || concerns(event));
  }
}

export function eventLine({ at, kind, what }: HistoryEvent): string {
  return `${at.toFixed(3).padStart(9)}  ${kind.padEnd(10)}  ${what}`;
}
