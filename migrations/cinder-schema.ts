import { cinderTables } from './data/cinder-tables.ts';
import { postgresDdl } from './data/postgres-ddl.ts';
import type { Migration } from './migration.ts';

const now = `(clock_timestamp() at time zone 'utc')`;

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
const rows = [
  ...Object.entries(limits).map(
    ([resource, limit]) =>
      `insert into quota_classes (created_at, class_name, resource, hard_limit, deleted) values (${now}, 'default', '${resource}', ${limit}, false)`,
  ),
  `insert into workers (created_at, updated_at, deleted, resource_type, resource_id, status) values (${now}, ${now}, false, 'SENTINEL', 'SUB-SECOND', 'OK')`,
  `with made as (insert into group_types (id, name, description, created_at, updated_at, deleted, is_public) values (gen_random_uuid(), 'default_cgsnapshot_type', 'Default group type for migrating cgsnapshot', ${now}, ${now}, false, true) returning id)
insert into group_type_specs (key, value, group_type_id, created_at, updated_at, deleted) select 'consistent_group_snapshot_enabled', '<is> True', id, ${now}, ${now}, false from made`,
  `insert into volume_types (id, name, description, created_at, updated_at, deleted, is_public) values (gen_random_uuid(), '__DEFAULT__', 'Default Volume Type', ${now}, ${now}, false, true)`,
];

/** Cinder's tables as upstream's migrations leave them, for databases that upstream does not own. */
export const cinderSchema: Migration = {
  name: '20260101-cinder-zed',
  scope: 'cinder',
  statements: () => [...postgresDdl(cinderTables), ...rows],
};
