import type { LockServer } from './lock-server.ts';
import type { Mistake } from './mistakes.ts';
import type { Judge } from './judge.ts';
import type { Place } from './virtual-time.ts';

/** The database: mints tokens under locks, and takes writes whose tokens are the newest. */
export class FencedRows {
  readonly place: Place = { name: 'database', frozen: false, dead: false };
  readonly #newest = new Map<string, number>();
  readonly #judge: Judge;
  readonly #server: LockServer;
  readonly #mistake: Mistake | undefined;

  constructor(options: { readonly judge: Judge; readonly server: LockServer; readonly mistake: Mistake | undefined }) {
    this.#judge = options.judge;
    this.#server = options.server;
    this.#mistake = options.mistake;
  }

  mint(names: readonly string[]): ReadonlyMap<string, number> {
    return new Map(
      names.map((name) => {
        const fromServer = this.#mistake === 'tokens come from the lock server';
        const token = fromServer ? this.#server.grants : (this.#newest.get(name) ?? 0) + 1;
        this.#newest.set(name, token);
        this.#judge.minted(name, token);
        return [name, token];
      }),
    );
  }

  /** Whether the write counts. */
  write(tokens: ReadonlyMap<string, number>): boolean {
    const newest = [...tokens].every(([name, token]) => this.#newest.get(name) === token);
    const counts = newest || this.#mistake === 'the database does not compare tokens';
    if (counts) for (const [name, token] of tokens) this.#judge.wrote(name, token);
    return counts;
  }
}
