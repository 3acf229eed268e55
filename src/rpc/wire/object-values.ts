import { isJsonObject } from '../../domain/json.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { FieldKind, ObjectField } from './object-schema.ts';
import { parseIsoTime } from './timestamps.ts';
import { WireError, kindOf } from './wire-error.ts';

/*
 * What Python's field types make of a value. Ours are as liberal, except that text never holds the repr of a list or a
 * dictionary. Every value that leaves here may be put on the wire as it is.
 */

/** A value of a field that is not an object: JSON of the field's type, or a `WireError` that names `path`. */
export function coerceValue(path: string, field: ObjectField, value: Json): Json {
  if (value !== null) return COERCE[field.kind](path, value, field);
  if (field.nullable) return null;
  if (field.default !== undefined) return field.default;
  throw new WireError(path, 'cannot be null; send a value');
}

type Coerce = (path: string, value: Json, field: ObjectField) => Json;

const COERCE: Readonly<Record<FieldKind, Coerce>> = {
  text: toText,
  uuid: toText,
  integer: toInteger,
  flag: (_path, value) => isTrue(value),
  time: (path, value) => (typeof value === 'string' ? parseIsoTime(path, value) : refuse(path, value, 'a time')),
  enum: (path, value, field) =>
    typeof value === 'string' && field.values.includes(value)
      ? value
      : refuse(path, value, `one of ${field.values.join(', ')}`),
  texts: (path, value) => mapValues(path, value, toText),
  nullableTexts: (path, value) => mapValues(path, value, (at, item) => (item === null ? null : toText(at, item))),
  dict: (path, value) => (isJsonObject(value) ? value : refuse(path, value, 'a JSON object')),
  textList: (path, value) =>
    isList(value) ? value.map((item, i) => toText(`${path}[${i}]`, item)) : refuse(path, value, 'a list of strings'),
  object: (path, value) => refuse(path, value, 'a versioned object'),
  objectList: (path, value) => refuse(path, value, 'a list of versioned objects'),
};

/** As Python's `str` writes numbers and truth values. */
function toText(path: string, value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return refuse(path, value, 'a string');
}

/** As Python's `int`: a fraction is cut off, decimal text is read. */
function toInteger(path: string, value: Json): number {
  const isText = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value);
  const isNumber = typeof value === 'number' || typeof value === 'boolean';
  // Adding 0 makes 0 of the -0 that JSON would not give back.
  const integer = isText || isNumber ? Math.trunc(Number(value)) + 0 : NaN;
  return Number.isSafeInteger(integer) ? integer : refuse(path, value, 'an integer within ±2^53');
}

/** As Python's `bool`: whatever is not empty is true, so the text "False" is. */
function isTrue(value: Json): boolean {
  if (isList(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function mapValues(path: string, value: Json, convert: (path: string, item: Json) => Json): JsonObject {
  if (!isJsonObject(value)) return refuse(path, value, 'a JSON object of strings');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(`${path}.${key}`, item)]));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function refuse(path: string, value: unknown, fix: string): never {
  throw new WireError(path, `is ${kindOf(value)} that does not fit; send ${fix}`);
}
