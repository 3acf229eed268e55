import type { Static, TObject } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { JsonObject } from '../domain/json.ts';
import { InvalidInputError } from '../kernel/errors.ts';

/** The arguments as the schema types them; unknown keys are kept, as newer senders add some. Names the first misfit. */
export function checkArgs<A extends TObject>(schema: A, plain: JsonObject): Static<A> {
  if (Value.Check(schema, plain)) return plain;
  const first = Value.Errors(schema, plain).First();
  const field = first?.path.slice(1).replaceAll('/', '.');
  throw new InvalidInputError(field === undefined || field === '' ? 'args' : field, first?.message ?? 'does not fit');
}
