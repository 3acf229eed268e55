import type { Json } from '../../domain/json.ts';
import { parseJsonObject } from './json-text.ts';
import { OBJECT_SCHEMAS } from './object-schema.ts';
import type { ObjectField } from './object-schema.ts';
import { coerceFields } from './objects.ts';
import { objectTime } from './timestamps.ts';
import { WireError } from './wire-error.ts';
import { WireObject } from './wire-object.ts';
import type { WireValue } from './wire-object.ts';

/**
 * A database row as the object that Python makes of it: no field counts as changed, an integer that is NULL is 0, times
 * lose their fraction. Columns that are no field are left out; fields without a column stay unset, unless `nested` has
 * them (metadata, the type, the attachments …).
 *
 * `objectFromRow('Volume', row, { metadata: {}, volume_type: null, volume_attachment: listObject('VolumeAttachment', []) })`
 */
export function objectFromRow(name: string, row: object, nested: Readonly<Record<string, WireValue>> = {}): WireObject {
  const schema = OBJECT_SCHEMAS.get(name);
  if (schema === undefined) throw new WireError(name, 'is not a class of object');
  const columns = Object.entries(row).flatMap(([column, value]: [string, unknown]) => {
    const field = schema.fields.get(column);
    return field === undefined || field.holds !== undefined ? [] : [[column, columnValue(name, field, value)] as const];
  });
  const fields = coerceFields(name, schema, { ...Object.fromEntries(columns), ...nested });
  return new WireObject(name, schema.version, fields, []);
}

/** The list object of these items, as `VolumeAttachmentList`, unchanged as if it had been read from the database. */
export function listObject(itemName: string, items: readonly WireObject[]): WireObject {
  return objectFromRow(`${itemName}List`, {}, { objects: items });
}

function columnValue(name: string, field: ObjectField, value: unknown): Json {
  const path = `${name}.${field.name}`;
  if (value === null || value === undefined) return field.kind === 'integer' ? 0 : null;
  if (field.kind === 'time' && typeof value === 'string') return objectTime(path, value);
  // The columns of dictionaries are text that holds JSON; Python takes empty text for null.
  if (field.kind === 'dict' && typeof value === 'string') return value === '' ? null : parseJsonObject(path, value);
  return value as Json;
}
