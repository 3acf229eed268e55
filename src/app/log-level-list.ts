import type { Json } from '../domain/json.ts';
import { encodeEntity, newObject } from '../rpc/wire/objects.ts';

/** Levels by logger name, as the object that cinder-api expects. */
export function logLevelList(levels: Readonly<Record<string, string>>): Json {
  const objects = Object.entries(levels).map(([prefix, level]) => newObject('LogLevel', { prefix, level }));
  return encodeEntity(newObject('LogLevelList', { objects }));
}
