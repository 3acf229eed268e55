import type { Database } from './database.ts';
import { databaseDefaults, type DatabaseOptions } from './database-options.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { ownNames } from './own-names.ts';
import { PoolDatabase } from './pool-database.ts';

/**
 * The database, not yet connected: `start` does that.
 *
 * @throws InvalidInputError where the URL cannot be read
 */
export function openDatabase(options: DatabaseOptions): Database {
  const all = { ...databaseDefaults, ...options };
  return new PoolDatabase(all, parseDatabaseUrl(all.url), ownNames(all.schema));
}
