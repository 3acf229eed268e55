import { OBJECT_DEFINITIONS, OBJECT_ENUMS } from './object-definitions.ts';
import type { ObjectDefinition } from './object-definitions.ts';

export type FieldKind = Exclude<keyof ObjectDefinition, 'version' | 'persistent'>;

export interface ObjectField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly nullable: boolean;
  /** What a null becomes in a field that cannot be null, and what a new object has. */
  readonly default: string | number | boolean | undefined;
  /** The class in an `object` or `objectList` field. */
  readonly holds: string | undefined;
  /** The legal values of an `enum` field. */
  readonly values: readonly string[];
}

export interface ObjectSchema {
  readonly name: string;
  readonly version: string;
  readonly fields: ReadonlyMap<string, ObjectField>;
}

const PERSISTENT: ObjectDefinition = { version: '', time: 'created_at updated_at deleted_at', flag: 'deleted=false' };

/** By class name. */
export const OBJECT_SCHEMAS: ReadonlyMap<string, ObjectSchema> = new Map(
  Object.entries(OBJECT_DEFINITIONS).map(([name, definition]) => [name, schemaOf(name, definition)]),
);

function schemaOf(name: string, definition: ObjectDefinition): ObjectSchema {
  const fields = [...(definition.persistent === true ? fieldsOf(PERSISTENT) : []), ...fieldsOf(definition)];
  return { name, version: definition.version, fields: new Map(fields.map((field) => [field.name, field])) };
}

function fieldsOf({ version: _version, persistent: _persistent, ...kinds }: ObjectDefinition): readonly ObjectField[] {
  return Object.entries(kinds).flatMap(([kind, names]) =>
    names.split(' ').map((text) => fieldOf(kind as FieldKind, text)),
  );
}

/** `name[:Held][!][=default]` */
function fieldOf(kind: FieldKind, text: string): ObjectField {
  const [, name = '', held, required, value] = /^(\w+)(?::(\w+))?(!)?(?:=(.+))?$/.exec(text) ?? [];
  const isEnum = kind === 'enum';
  return {
    name,
    kind,
    nullable: required === undefined,
    default: value === undefined ? undefined : defaultOf(kind, value),
    holds: isEnum ? undefined : held,
    values: isEnum ? (OBJECT_ENUMS[held ?? ''] ?? '').split(' ') : [],
  };
}

function defaultOf(kind: FieldKind, text: string): string | number | boolean {
  if (kind === 'flag') return text === 'true';
  return kind === 'integer' ? Number(text) : text;
}
