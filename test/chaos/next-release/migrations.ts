import { migrations as released } from '../../../migrations/index.ts';
import type { Migration, SchemaNames } from '../../../migrations/migration.ts';

export const nextMigration = '29991231-next-release';

const steps = ({ own }: SchemaNames): readonly string[] => [
  `alter table ${own('aa_journal')} add column if not exists next_release text`,
  `create table if not exists ${own('aa_next_release')} (id integer primary key)`,
];

/** What a release to come may do to tables that replicas of this one are at work on: it adds. */
const next: Migration = {
  name: nextMigration,
  scope: 'own',
  postgres: steps,
  mariadb: (names) => ({ tables: steps(names) }),
};

export const migrations: readonly Migration[] = [...released, next];
