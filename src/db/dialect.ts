/**
 * What PostgreSQL and MariaDB spell differently and statements need; all else in the repositories is common to both.
 * MariaDB's sessions take `"name"` for an identifier and `||` for concatenation. Times in the database are UTC without a
 * zone; how many digits a column keeps is the table's business.
 */
export interface Dialect {
  readonly name: 'postgres' | 'mariadb';
  /** The instant at which the statement writes, for columns. */
  readonly now: string;
  /** The instant `?` milliseconds before the statement began, for comparisons; one value, so that indexes serve. */
  readonly ago: string;
  /** The instant in `?` milliseconds. */
  readonly ahead: string;
  /** Milliseconds since 1970 by the database's clock. */
  readonly epochMs: string;
  /** `?` where the server could not tell that it is an integer. */
  readonly integer: string;
  /** How many milliseconds ago the column's instant was. */
  readonly ageMs: (column: string) => string;
  /** The column has a value of the bound list; an empty one has none. */
  readonly anyOf: (column: string) => string;
  /** The column has none of the values that the query, which refers to nothing around it, gives. */
  readonly noneOf: (column: string, query: string) => string;
  /** What an insert does where the key is there already: changes that row. */
  readonly onDuplicate: (key: string, set: string) => string;
  /** What an insert does where the key is there already: nothing. */
  readonly unlessDuplicate: (key: string) => string;
  /** In `onDuplicate`: the value that was to be inserted. */
  readonly proposed: (column: string) => string;
  /** Deletes at most `?` rows, the last binding, the first by `order`. */
  readonly deleteFirst: (table: string, key: string, condition: string, order: string) => string;
  /** Whether there is a table of this plain name; beside the session's own tables, or in the schema. */
  readonly tableExists: (table: string, schema: string | null) => string;
}

/** A name from this program's own lists, never from outside, as an SQL identifier. */
export function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new Error(`not a column or table: ${name}`);
  return `"${name}"`;
}

/** `like` pattern of what begins with `prefix`, for use with `escape '!'`. */
export const beginsWith = (prefix: string): string => `${prefix.replace(/[!%_]/g, '!$&')}%`;
