import { cinderTables } from './data/cinder-tables.ts';
import { mariadbTable } from './data/mariadb-ddl.ts';
import { postgresDdl } from './data/postgres-ddl.ts';
import type { Migration } from './migration.ts';

/** The limits that cinder's own migrations give the quota class `default` (the defaults of its options). */
const limits = {
  volumes: 10,
  snapshots: 10,
  gigabytes: 1000,
  per_volume_gigabytes: -1,
  consistencygroups: 10,
  groups: 10,
};

/** Rows that upstream's migrations put into a new database, and that its services count on. */
const rows = (now: string, uuid: string): readonly string[] => [
  ...Object.entries(limits).map(
    ([resource, limit]) =>
      `insert into quota_classes (created_at, class_name, resource, hard_limit, deleted) values (${now}, 'default', '${resource}', ${limit}, false)`,
  ),
  `insert into workers (created_at, updated_at, deleted, resource_type, resource_id, status) values (${now}, ${now}, false, 'SENTINEL', 'SUB-SECOND', 'OK')`,
  `insert into group_types (id, name, description, created_at, updated_at, deleted, is_public) values (${uuid}, 'default_cgsnapshot_type', 'Default group type for migrating cgsnapshot', ${now}, ${now}, false, true)`,
  `insert into group_type_specs ("key", value, group_type_id, created_at, updated_at, deleted) select 'consistent_group_snapshot_enabled', '<is> True', id, ${now}, ${now}, false from group_types where name = 'default_cgsnapshot_type'`,
  `insert into volume_types (id, name, description, created_at, updated_at, deleted, is_public) values (${uuid}, '__DEFAULT__', 'Default Volume Type', ${now}, ${now}, false, true)`,
];

/** The table by which others know that Cinder's are there. */
const telling = 'volumes';

/** Tables refer to others in any order. */
const unchecked = 'set session foreign_key_checks = 0';

/** Cinder's tables as upstream's migrations leave them, for databases that upstream does not own. */
export const cinderSchema: Migration = {
  name: '20260101-cinder-zed',
  scope: 'cinder',
  postgres: () => [
    ...postgresDdl(cinderTables),
    ...rows(`(clock_timestamp() at time zone 'utc')`, 'gen_random_uuid()'),
  ],
  mariadb: () => ({
    tables: [unchecked, ...cinderTables.filter(({ name }) => name !== telling).map(mariadbTable)],
    rows: rows('utc_timestamp(6)', 'uuid()'),
    last: [unchecked, ...cinderTables.filter(({ name }) => name === telling).map(mariadbTable)],
  }),
};
