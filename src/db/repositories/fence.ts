import { ClaimLostError } from '../database.ts';
import { custodyOf } from '../custody-of.ts';
import type { CustodyStatements } from '../custody-statements.ts';
import type { OwnNames } from '../own-names.ts';
import type { Claim, FenceRepository } from '../ports/custody.ts';
import type { Session } from '../session.ts';
import { tokensOf, type TokenRow } from '../tokens-of.ts';

export class Fence implements FenceRepository {
  readonly #session: Session;
  readonly #names: OwnNames;
  readonly #custody: CustodyStatements;

  constructor(session: Session, names: OwnNames) {
    this.#session = session;
    this.#names = names;
    this.#custody = custodyOf(session.dialect, names);
  }

  async mint(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    return lockNames.length === 0 ? new Map() : this.#custody.mint(this.#session, [...new Set(lockNames)]);
  }

  async check(tokens: ReadonlyMap<string, bigint>, claim?: Claim): Promise<void> {
    if (await this.#custody.holds(this.#session, tokens, claim)) return;
    throw new ClaimLostError(claim === undefined ? 'a lock' : `journal entry ${claim.entryId}`);
  }

  async newest(lockNames: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    if (lockNames.length === 0) return new Map();
    const places = lockNames.map(() => '?').join(', ');
    const rows = await this.#session.read<TokenRow>(
      `select name, token from ${this.#names.fence} where name in (${places})`,
      lockNames,
    );
    return tokensOf(rows);
  }

  /** Only names whose token the clock has passed: otherwise the next one could be as small as the last. */
  async purge(ageMs: number, limit: number): Promise<number> {
    const { ago, epochMs, deleteFirst } = this.#session.dialect;
    const old = `minted_at < ${ago} and token < ${epochMs}`;
    const { count } = await this.#session.write(deleteFirst(this.#names.fence, 'name', old, 'minted_at'), [
      ageMs,
      limit,
    ]);
    return count;
  }
}
