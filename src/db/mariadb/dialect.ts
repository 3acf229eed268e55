import type { Dialect } from '../dialect.ts';

/** The sessions' time zone is UTC, so that this is `now(6)`; it stands still for the length of a statement. */
const now = 'utc_timestamp(6)';

export const mariadb: Dialect = {
  name: 'mariadb',
  now,
  ago: `(${now} - interval (? * 1000) microsecond)`,
  ahead: `(${now} + interval (? * 1000) microsecond)`,
  epochMs: 'cast(floor(unix_timestamp(now(6)) * 1000) as signed)',
  integer: '?',
  // A floating-point number, as the driver makes texts of decimal ones.
  ageMs: (column) => `timestampdiff(microsecond, ${column}, ${now}) / 1e3`,
  anyOf: (column) => `${column} in (?)`,
  noneOf: (column, query) => `${column} not in (${query})`,
  onDuplicate: (_key, set) => `on duplicate key update ${set}`,
  unlessDuplicate: (key) => {
    const [column = key] = key.split(', ');
    return `on duplicate key update ${column} = values(${column})`;
  },
  proposed: (column) => `values(${column})`,
  deleteFirst: (table, _key, condition, order) => `delete from ${table} where ${condition} order by ${order} limit ?`,
  tableExists: (table, schema) =>
    `exists (select 1 from information_schema.tables
       where table_schema = ${schema === null ? 'database()' : `'${schema}'`} and table_name = '${table}')`,
};
