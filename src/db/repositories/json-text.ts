import { isJsonObject, type JsonObject } from '../../domain/json.ts';

/** JSON text that PostgreSQL's jsonb takes: without U+0000 and halves of surrogate pairs, which it refuses. */
export function storableJson(value: JsonObject): string {
  return JSON.stringify(value).replace(/\\\\|\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, (escape) =>
    escape === '\\\\' ? escape : '\uFFFD',
  );
}

/** @throws Error where a column that only we write holds something else: nothing can be made of the row then */
export function parseObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('not a JSON object in a column of ours');
  return value;
}
