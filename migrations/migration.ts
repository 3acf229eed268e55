/**
 * One step of the schema, as plain data: the statements are run in order in one transaction, or printed for somebody
 * who has the right to run them. A migration that was released is never changed.
 */
export interface Migration {
  /** Kept in `aa_migrations`; sorts by time. */
  readonly name: string;
  /** `cinder`: upstream's tables, only where upstream's own migrations do not rule. `own`: ours, everywhere. */
  readonly scope: 'cinder' | 'own';
  statements(names: SchemaNames): readonly string[];
}

/** Spells our own tables: `aa_journal`, or `"schema"."aa_journal"` where they have a schema of their own. */
export interface SchemaNames {
  readonly own: (table: string) => string;
}
