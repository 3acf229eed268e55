/** A lock name's token as both drivers give it. */
export interface TokenRow {
  readonly name: string;
  readonly token: string;
}

export function tokensOf(rows: readonly TokenRow[]): ReadonlyMap<string, bigint> {
  return new Map(rows.map(({ name, token }) => [name, BigInt(token)]));
}
