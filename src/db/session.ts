/** What goes into a statement's `?`. A list is PostgreSQL's array (`= any(?::text[])`). */
export type Binding = string | number | bigint | boolean | null | readonly (string | number | null)[];

/**
 * Where statements are run: on any connection of the pool, each by itself, or on the one connection of a transaction.
 * Repositories are written against this alone.
 */
export interface Session {
  /** A statement that changes nothing: if its answer is lost, nothing has happened. */
  read<R>(sql: string, bindings?: readonly Binding[]): Promise<readonly R[]>;
  /** A statement that may change rows; `count` is how many. */
  write<R = never>(sql: string, bindings?: readonly Binding[]): Promise<Written<R>>;
  /** All or nothing. Inside a transaction `work` becomes part of that one. May run `work` more than once. */
  atomically<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

export interface Written<R> {
  readonly rows: readonly R[];
  readonly count: number;
}
