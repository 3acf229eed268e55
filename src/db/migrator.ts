import type { Migration } from '../../migrations/migration.ts';
import type { OwnNames } from './own-names.ts';
import type { Session } from './session.ts';

/** How one database takes migrations. */
export interface Migrator {
  /**
   * Runs what `missing` names; of processes that start at once the first does it and the others find it done.
   *
   * @returns the names of the migrations that were run now
   */
  run(
    session: Session,
    names: OwnNames,
    schema: string | null,
    missing: (session: Session) => Promise<readonly Migration[]>,
  ): Promise<readonly string[]>;
  /** The same as statements, for somebody who has the right to run them. */
  sql(names: OwnNames, schema: string | null, todo: readonly Migration[]): readonly string[];
}
