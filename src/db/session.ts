import type { Dialect } from './dialect.ts';

type Scalar = string | number | bigint | boolean | null;

/** What goes into a statement's `?`. A list is PostgreSQL's array; in MariaDB's `in (?)` its elements, or rows of them. */
export type Binding = Scalar | readonly (Scalar | readonly Scalar[])[];

/**
 * Where statements are run: on any connection of the pool, each by itself, or on the one connection of a transaction.
 * Repositories are written against this alone.
 */
export interface Session {
  readonly dialect: Dialect;
  /** Whether what is locked or written here stays so until an end that somebody else sets. */
  readonly inTransaction: boolean;
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
