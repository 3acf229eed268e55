import type { Json } from '../../domain/json.ts';

/** An argument or a result: JSON in which versioned objects may stand at any depth. */
export type WireValue = Json | WireObject | readonly WireValue[] | { readonly [key: string]: WireValue };

/**
 * One versioned object. It keeps the version that its sender gave it and is sent on with that version; of its fields
 * it has those that are set. Times are text, `YYYY-MM-DDTHH:MM:SSZ`: they have lost their microseconds, so they never
 * serve in a comparison with the database.
 */
export class WireObject {
  readonly object: string;
  readonly version: string;
  readonly fields: Readonly<Record<string, WireValue>>;
  /** The names of fields that the sender had changed and not saved; all are names of its class's fields. */
  readonly changes: readonly string[];

  constructor(
    object: string,
    version: string,
    fields: Readonly<Record<string, WireValue>>,
    changes: readonly string[],
  ) {
    this.object = object;
    this.version = version;
    this.fields = fields;
    this.changes = changes;
  }
}

export function isWireObject(value: unknown, object: string): value is WireObject {
  return value instanceof WireObject && value.object === object;
}

/**
 * The same as plain JSON, each object being just its fields: what a method's schema checks and a use case reads. It
 * cannot be made an object again; who passes an object on keeps the `WireObject`.
 */
export function toPlain(value: WireValue): Json {
  if (value instanceof WireObject) return toPlain(value.fields);
  if (Array.isArray(value)) return value.map((item: WireValue) => toPlain(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}
