import { isJsonObject } from '../../domain/json.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { FieldReader } from './fields.ts';
import { OBJECT_SCHEMAS } from './object-schema.ts';
import type { ObjectField, ObjectSchema } from './object-schema.ts';
import { coerceValue } from './object-values.ts';
import { isVersionServed } from './version.ts';
import { WireError, kindOf } from './wire-error.ts';
import { WireObject } from './wire-object.ts';
import type { WireValue } from './wire-object.ts';

/*
 * oslo.versionedobjects' serialiser with Cinder's classes. Of what a Python service can send, this reads exactly what a
 * Python service reads: namespace, known class, same major and no newer minor version, fields of the right type. Keys
 * that are no fields are dropped; fields that are missing stay unset.
 */

const KEY = 'versioned_object.';
const NAMESPACE = 'cinder';
const OVO_ERRORS = 'oslo_versionedobjects.exception';

/** Reads an argument or a result. `path` names it in errors. Depth must have been bounded before (`parseJson`). */
export function decodeEntity(path: string, json: Json): WireValue {
  if (Array.isArray(json)) return json.map((item: Json, index) => decodeEntity(`${path}[${index}]`, item));
  if (!isJsonObject(json)) return json;
  if (Object.hasOwn(json, `${KEY}name`)) return decodeObject(path, json);
  return mapFields(json, (key, value) => decodeEntity(`${path}.${key}`, value));
}

/** Writes an argument or a result. */
export function encodeEntity(value: WireValue): Json {
  if (value instanceof WireObject) return encodeObject(value);
  if (Array.isArray(value)) return value.map((item: WireValue) => encodeEntity(item));
  if (typeof value !== 'object' || value === null) return value;
  return mapFields(value as Readonly<Record<string, WireValue>>, (_key, item) => encodeEntity(item));
}

/** Makes an object of this class at our version, all of whose fields count as changed, as Python's constructors do. */
export function newObject(name: string, fields: Readonly<Record<string, WireValue>>): WireObject {
  const schema = schemaNamed(name, name);
  return new WireObject(name, schema.version, coerceFields(name, schema, fields), Object.keys(fields));
}

/** The same object with other values in some fields, which count as changed. */
export function withFields(object: WireObject, fields: Readonly<Record<string, WireValue>>): WireObject {
  const coerced = coerceFields(object.object, schemaNamed(object.object, object.object), fields);
  const changes = [...new Set([...object.changes, ...Object.keys(fields)])];
  return new WireObject(object.object, object.version, { ...object.fields, ...coerced }, changes);
}

function decodeObject(path: string, json: JsonObject): WireObject {
  const reader = new FieldReader(path, json);
  const schema = schemaOf(path, reader);
  const version = acceptedVersion(path, reader.text(`${KEY}version`), schema);
  const data = reader.get(`${KEY}data`);
  if (!isJsonObject(data)) throw new WireError(`${path}.${KEY}data`, `is ${kindOf(data)}; send the object's fields`);
  const known = Object.entries(withImplied(schema, data)).filter(([key]) => schema.fields.has(key));
  const fields = decodeFields(path, schema, Object.fromEntries(known));
  // As in Python, what is not set has not changed.
  const changes = reader.textList(`${KEY}changes`).filter((name) => Object.hasOwn(fields, name));
  return new WireObject(schema.name, version, fields, changes);
}

function decodeFields(path: string, schema: ObjectSchema, data: JsonObject): Record<string, WireValue> {
  const nests = (key: string): boolean => schema.fields.get(key)?.holds !== undefined;
  const entities = mapFields(data, (key, value) => (nests(key) ? decodeEntity(`${path}.${key}`, value) : value));
  return coerceFields(path, schema, entities);
}

function encodeObject(object: WireObject): JsonObject {
  return {
    [`${KEY}name`]: object.object,
    [`${KEY}namespace`]: NAMESPACE,
    [`${KEY}version`]: object.version,
    [`${KEY}data`]: mapFields(object.fields, (_key, value) => encodeEntity(value)),
    ...(object.changes.length > 0 && { [`${KEY}changes`]: object.changes }),
  };
}

function schemaOf(path: string, reader: FieldReader): ObjectSchema {
  const name = reader.text(`${KEY}name`);
  const namespace = reader.text(`${KEY}namespace`);
  if (namespace !== NAMESPACE) throw unsupported(path, `${namespace}.${name}`);
  return schemaNamed(path, name);
}

function schemaNamed(path: string, name: string): ObjectSchema {
  const schema = OBJECT_SCHEMAS.get(name);
  if (schema === undefined) throw unsupported(path, name);
  return schema;
}

/** The version to keep. The third part of `X.Y.Z` is no difference, as in Python. */
function acceptedVersion(path: string, sent: string, schema: ObjectSchema): string {
  const version = /^\d+\.\d+\.\d+$/.test(sent) ? sent.slice(0, sent.lastIndexOf('.')) : sent;
  if (isVersionServed(version, schema.version)) return version;
  const problem = `Version ${sent.slice(0, 20)} of ${schema.name} is not supported, supported version is ${schema.version}`;
  throw new WireError(path, problem, { python: { name: 'IncompatibleObjectVersion', module: OVO_ERRORS } });
}

function unsupported(path: string, name: string): WireError {
  const python = { name: 'UnsupportedObjectError', module: OVO_ERRORS };
  return new WireError(path, `Unsupported object type ${name.slice(0, 80)}`, { python });
}

/** Values of the right types for these fields of a class; a key that is no field is an error. */
export function coerceFields(
  path: string,
  schema: ObjectSchema,
  fields: Readonly<Record<string, WireValue>>,
): Record<string, WireValue> {
  return mapFields(fields, (key, value) => {
    const field = schema.fields.get(key);
    if (field === undefined) throw new WireError(`${path}.${key}`, `is not a field of ${schema.name}`);
    return coerceField(`${path}.${key}`, field, value);
  });
}

function coerceField(path: string, field: ObjectField, value: WireValue): WireValue {
  if (field.holds === undefined || value === null) return coerceValue(path, field, encodeEntity(value));
  if (field.kind === 'object') return expectObject(path, field.holds, value);
  if (!Array.isArray(value)) throw new WireError(path, `is ${kindOf(value)}; send a list of ${field.holds}`);
  return value.map((item, index) => expectObject(`${path}[${index}]`, field.holds ?? '', item));
}

function expectObject(path: string, name: string, value: unknown): WireObject {
  if (value instanceof WireObject && value.object === name) return value;
  const found = value instanceof WireObject ? value.object : kindOf(value);
  throw new WireError(path, `is ${found}; send a ${name} object`);
}

/**
 * The data with what Python sets of itself: a list that was left out is empty, and `use_quota`, which older senders
 * leave out and Zed may send as null, is made definite.
 */
function withImplied(schema: ObjectSchema, data: JsonObject): JsonObject {
  if (schema.fields.get('objects')?.kind === 'objectList') return { objects: [], ...data };
  const isSnapshot = schema.name === 'Snapshot';
  if ((!isSnapshot && schema.name !== 'Volume') || (data['use_quota'] ?? null) !== null) return data;
  return { ...data, use_quota: isSnapshot || !isInternalVolume(data) };
}

function isInternalVolume(data: JsonObject): boolean {
  const { migration_status: migration, admin_metadata: admin } = data;
  const isTarget = typeof migration === 'string' && migration.startsWith('target:');
  return isTarget || (isJsonObject(admin) && admin['temporary'] === 'True');
}

function mapFields<In, Out>(
  source: Readonly<Record<string, In>>,
  convert: (key: string, value: In) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, convert(key, value)]));
}
