import { cinderSchema } from './cinder-schema.ts';
import type { Migration } from './migration.ts';
import { heldProbes, outboxByKind, ownTables, servedBackends } from './own-tables.ts';

/** All there are, in order. */
export const migrations: readonly Migration[] = [cinderSchema, ownTables, servedBackends, heldProbes, outboxByKind];
