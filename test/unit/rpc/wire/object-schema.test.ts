import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OBJECT_SCHEMAS } from '../../../../src/rpc/wire/object-schema.ts';
import type { FieldKind, ObjectField } from '../../../../src/rpc/wire/object-schema.ts';

/** Python's field classes; all others are enums. */
const KINDS: Readonly<Record<string, FieldKind>> = {
  StringField: 'text',
  UUIDField: 'uuid',
  IntegerField: 'integer',
  BooleanField: 'flag',
  DateTimeField: 'time',
  DictOfStringsField: 'texts',
  DictOfNullableStringsField: 'nullableTexts',
  DictOfNullableField: 'dict',
  ListOfStringsField: 'textList',
  ObjectField: 'object',
  ListOfObjectsField: 'objectList',
};

/** A line of the dump: `   name Class [Held] null|NOTNULL [default=x] [RO] [(values)]`. */
const FIELD = /^ {3}(\w+) (\w+)(?: (\w+))? {1,2}(null|NOTNULL) (?:default=(\S+))? ?(?:RO )? ?(?:\((.*)\))?\s*$/;

/** What a program wrote that asked Cinder's own classes for their fields. */
function dumped(release: 'zed' | 'master'): Map<string, { version: string; fields: Map<string, ObjectField> }> {
  const text = readFileSync(new URL(`../../../data/objects-${release}.txt`, import.meta.url), 'utf8');
  const objects = text.split(/^## /m).slice(1);
  return new Map(
    objects.map((object) => {
      const [head = '', ...lines] = object.split('\n');
      const [name = '', version = ''] = head.split(' ');
      const fields = lines.filter((line) => line !== '' && !line.startsWith('   rel ')).map(fieldOf);
      return [name, { version, fields: new Map(fields.map((field) => [field.name, field])) }];
    }),
  );
}

function fieldOf(line: string): ObjectField {
  const match = FIELD.exec(line);
  if (match === null) throw new Error(`not understood: ${line}`);
  const [, name = '', python = '', holds, nullness, value, values] = match;
  const kind = KINDS[python] ?? 'enum';
  return {
    name,
    kind,
    holds,
    nullable: nullness === 'null',
    default: value === undefined ? undefined : (JSON.parse(asJson(value)) as string | number | boolean),
    values: kind === 'enum' ? [...(values ?? '').matchAll(/'([^']*)'/g)].map(([, legal = '']) => legal) : [],
  };
}

function asJson(python: string): string {
  return python.replace('True', 'true').replace('False', 'false').replaceAll("'", '"');
}

describe('the schemas', () => {
  const own = new Map([...OBJECT_SCHEMAS].map(([name, { version, fields }]) => [name, { version, fields }]));

  it('are those of Zed, field by field', () => {
    expect(own).toStrictEqual(dumped('zed'));
  });

  it('differ from those of later releases in the nullness of use_quota only', () => {
    const later = dumped('master');
    for (const name of ['Volume', 'Snapshot']) {
      const field = later.get(name)?.fields.get('use_quota');
      if (field === undefined) throw new Error(`${name} has no use_quota`);
      expect(field.nullable).toBe(false);
      later.get(name)?.fields.set('use_quota', { ...field, nullable: true });
    }
    expect(own).toStrictEqual(later);
  });
});
