/*
 * What PostgreSQL and MariaDB spell differently and statements need often. Times in the database are UTC without a
 * zone, microseconds included.
 */

/** The instant at which the expression is evaluated, for columns. Unlike `now()` it goes on within a transaction. */
export const nowSql = `(clock_timestamp() at time zone 'utc')`;

/** The instant `?` milliseconds before the statement began, for comparisons; one value, so that indexes serve. */
export const agoSql = `((statement_timestamp() at time zone 'utc') - ?::double precision * interval '1 millisecond')`;

/** Milliseconds since 1970 by the database's clock. */
export const epochMsSql = `floor(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/** How many milliseconds ago the column's instant was. */
export const ageMsSql = (column: string): string =>
  `(extract(epoch from ${nowSql} - ${column}) * 1000)::double precision`;

/** A name from this program's own lists, never from outside, as an SQL identifier. */
export function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new Error(`not a column or table: ${name}`);
  return `"${name}"`;
}

/** `like` pattern of what begins with `prefix`, for use with `escape '!'`. */
export const beginsWith = (prefix: string): string => `${prefix.replace(/[!%_]/g, '!$&')}%`;
