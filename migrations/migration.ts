/** One step of the schema, as plain data. A migration that was released is never changed. */
export interface Migration {
  /** Kept in `aa_migrations`; sorts by time. */
  readonly name: string;
  /** `cinder`: upstream's tables, only where upstream's own migrations do not rule. `own`: ours, everywhere. */
  readonly scope: 'cinder' | 'own';
  /** Run in order in one transaction, or printed for somebody who has the right to run them. */
  postgres(names: SchemaNames): readonly string[];
  mariadb(names: SchemaNames): MariadbSteps;
}

/**
 * MariaDB commits with each change of a table, so that one that is killed in the middle leaves some: `tables` and `last`
 * can be run again. `rows` are put in between, in one transaction with the migration's record, once.
 */
export interface MariadbSteps {
  readonly tables: readonly string[];
  readonly rows?: readonly string[];
  /** What tells others that all is there. */
  readonly last?: readonly string[];
}

/** Spells our own tables: `aa_journal`, or `"schema"."aa_journal"` where they have a schema of their own. */
export interface SchemaNames {
  readonly own: (table: string) => string;
}
