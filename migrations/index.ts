import { cinderSchema } from './cinder-schema.ts';
import type { Migration } from './migration.ts';
import { ownTables } from './own-tables.ts';

/** All there are, in order. */
export const migrations: readonly Migration[] = [cinderSchema, ownTables];
