import { identifier, type Dialect } from './dialect.ts';
import { now } from './ports/resources.ts';
import type { Binding, Session } from './session.ts';

/** Column values to be written or expected; lists mean "one of", the symbol `now` the database's clock. */
type Values = Readonly<Record<string, unknown>>;

/** What must hold besides: a `with`, ending in a blank, and a condition on it, beginning with ` and `. */
export interface Guard {
  readonly sql: string;
  readonly bindings: readonly Binding[];
  readonly condition: string;
}

/**
 * Changes one not-deleted row if its columns are as expected: one statement, so that nothing comes between the
 * comparison and the change. Sets `updated_at` unless the changes name it.
 */
export async function compareAndSet(
  session: Session,
  table: string,
  id: string | number,
  changes: object,
  expected: object = {},
  guard: Guard = { sql: '', bindings: [], condition: '' },
): Promise<number> {
  const set = assignments({ updated_at: now, ...changes }, session.dialect);
  const where = conditions(expected as Values);
  const { count } = await session.write(
    `${guard.sql}update ${identifier(table)} set ${set.sql}
     where id = ? and deleted = false${where.sql}${guard.condition}`,
    [...guard.bindings, ...set.bindings, id, ...where.bindings],
  );
  return count;
}

/** Inserts one row; `defaults` are overridden by `row`, values that are undefined are left to the table. */
export async function insertRow(session: Session, table: string, defaults: Values, row: object): Promise<void> {
  const values = Object.entries({ ...defaults, ...row }).filter(([, value]) => value !== undefined);
  const bindings = values.flatMap(([, value]) => (value === now ? [] : [binding(value)]));
  await session.write(
    `insert into ${identifier(table)} (${values.map(([column]) => identifier(column)).join(', ')})
     values (${values.map(([, value]) => placeholder(value, session.dialect)).join(', ')})`,
    bindings,
  );
}

function assignments(values: Values, dialect: Dialect): { sql: string; bindings: readonly Binding[] } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return {
    sql: entries.map(([column, value]) => `${identifier(column)} = ${placeholder(value, dialect)}`).join(', '),
    bindings: entries.flatMap(([, value]) => (value === now ? [] : [binding(value)])),
  };
}

function conditions(expected: Values): { sql: string; bindings: readonly Binding[] } {
  const parts = Object.entries(expected)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]) => condition(identifier(column), Array.isArray(value) ? value : [value]));
  return { sql: parts.map(({ sql }) => ` and ${sql}`).join(''), bindings: parts.flatMap(({ bindings }) => bindings) };
}

/** `column` has one of the values; null is compared as a value. No values at all: never true. */
function condition(column: string, values: readonly unknown[]): { sql: string; bindings: readonly Binding[] } {
  const given = values.filter((value) => value !== null).map(binding);
  const tests = [
    ...(given.length === 0 ? [] : [`${column} in (${given.map(() => '?').join(', ')})`]),
    ...(given.length === values.length ? [] : [`${column} is null`]),
  ];
  return { sql: tests.length === 0 ? 'false' : `(${tests.join(' or ')})`, bindings: given };
}

const placeholder = (value: unknown, dialect: Dialect): string => (value === now ? dialect.now : '?');

function binding(value: unknown): Binding {
  if (value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return value as Binding;
  throw new Error(`not a column's value: ${typeof value}`);
}
