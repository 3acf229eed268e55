import type { Knex } from 'knex';
import type { Dialect } from './dialect.ts';
import type { PoolOptions } from './pool-options.ts';
import type { Binding, Written } from './session.ts';

/** One kind of server as the pool knows it. knex loads the driver's package when the first pool is made, not before. */
export interface Driver {
  readonly dialect: Dialect;
  /** Client, connection and what each new connection is told; the pool adds its own limits. */
  config(options: PoolOptions): Knex.Config;
  /** Ends the connection without a word to the server, whose answer may never come. */
  abandon(connection: object): void;
  /** A binding as the driver takes it. */
  storable(binding: Binding): unknown;
  /** What knex hands back for a raw statement. */
  written(result: unknown): Written<unknown>;
}

/** Text columns of PostgreSQL cannot hold U+0000; a message that carries one must not stop what records it. */
export const withoutNul = (text: string): string => text.replaceAll('\0', '\uFFFD');
