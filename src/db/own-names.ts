import { identifier } from './dialect.ts';

/** Our own tables as statements spell them, with their schema where they have one. */
export interface OwnNames {
  readonly journal: string;
  readonly fence: string;
  readonly outbox: string;
  readonly incarnation: string;
  /** Any of them by its plain name. */
  readonly own: (table: string) => string;
}

/** @param schema null: beside Cinder's tables */
export function ownNames(schema: string | null): OwnNames {
  const own = (table: string): string =>
    schema === null ? identifier(table) : `${identifier(schema)}.${identifier(table)}`;
  return {
    journal: own('aa_journal'),
    fence: own('aa_fence'),
    outbox: own('aa_outbox'),
    incarnation: own('aa_incarnation'),
    own,
  };
}
