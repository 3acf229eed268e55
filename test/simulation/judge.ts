/** Something that must never happen has happened. */
export interface Violation {
  readonly atMs: number;
  readonly what: string;
}

/** Sees everything, and notes what must not be. */
export class Judge {
  readonly violations: Violation[] = [];
  readonly #nowMs: () => number;
  /** The largest token that was ever minted for a name. */
  readonly #minted = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(what: string): void {
    this.violations.push({ atMs: Math.round(this.#nowMs()), what });
  }

  minted(name: string, token: number): void {
    const before = this.#minted.get(name) ?? 0;
    if (token <= before) this.note(`token ${token} of ${name} was minted after ${before}`);
    this.#minted.set(name, Math.max(before, token));
  }

  wrote(name: string, token: number): void {
    const newest = this.#minted.get(name) ?? 0;
    if (token < newest) this.note(`a write to ${name} with token ${token} counted after ${newest} was minted`);
  }
}
