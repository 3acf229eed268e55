import type { Dialect } from '../dialect.ts';

/** The instant at which the expression is evaluated. Unlike `now()` it goes on within a transaction. */
const now = `(clock_timestamp() at time zone 'utc')`;

export const postgres: Dialect = {
  name: 'postgres',
  now,
  ago: `((statement_timestamp() at time zone 'utc') - ?::double precision * interval '1 millisecond')`,
  ahead: `(${now} + ?::double precision * interval '1 millisecond')`,
  epochMs: `floor(extract(epoch from clock_timestamp()) * 1000)::bigint`,
  integer: '?::integer',
  ageMs: (column) => `(extract(epoch from ${now} - ${column}) * 1000)::double precision`,
  anyOf: (column) => `${column} = any(?::text[])`,
  // An array, not a join: a row that changed while it was waited for is compared with it anew.
  noneOf: (column, query) => `${column} <> all (array(${query}))`,
  onDuplicate: (key, set) => `on conflict (${key}) do update set ${set}`,
  unlessDuplicate: (key) => `on conflict (${key}) do nothing`,
  proposed: (column) => `excluded.${column}`,
  deleteFirst: (table, key, condition, order) =>
    `delete from ${table} where ${key} in (
       select ${key} from ${table} where ${condition} order by ${order} limit ? for update skip locked)`,
  tableExists: (table, schema) => `to_regclass('${schema === null ? '' : `"${schema}".`}"${table}"') is not null`,
};
