import { isJsonObject } from '../../domain/json.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { WireError, kindOf } from './wire-error.ts';

/** Reads the keys of one JSON object of a message; every reader throws a `WireError` that names the key. */
export class FieldReader {
  readonly #path: string;
  readonly #source: JsonObject;

  /** @param path what errors name before the key; empty for the message itself */
  constructor(path: string, source: JsonObject) {
    this.#path = path;
    this.#source = source;
  }

  /** The own value of a key; undefined if it has none. */
  get(key: string): Json | undefined {
    return Object.hasOwn(this.#source, key) ? this.#source[key] : undefined;
  }

  text(key: string): string {
    const value = this.get(key);
    return typeof value === 'string' && value !== '' ? value : this.#refuse(key, value, 'a non-empty string');
  }

  /** Null stands for a missing key as well. */
  optionalText(key: string): string | null {
    const value = this.get(key) ?? null;
    return value === null || typeof value === 'string' ? value : this.#refuse(key, value, 'a string or null');
  }

  optionalNumber(key: string): number | null {
    const value = this.get(key) ?? null;
    return value === null || typeof value === 'number' ? value : this.#refuse(key, value, 'a number or null');
  }

  optionalFlag(key: string): boolean | null {
    const value = this.get(key) ?? null;
    return value === null || typeof value === 'boolean' ? value : this.#refuse(key, value, 'true, false or null');
  }

  /** A missing key is an empty object; null is not. */
  objectOrEmpty(key: string): JsonObject {
    const value = this.get(key) ?? (this.get(key) === null ? null : {});
    return isJsonObject(value) ? value : this.#refuse(key, value, 'a JSON object');
  }

  /** Null and a missing key are an empty list. */
  textList(key: string): readonly string[] {
    const value = this.get(key) ?? [];
    const isTexts = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return isTexts ? value : this.#refuse(key, value, 'a list of strings');
  }

  #refuse(key: string, value: unknown, fix: string): never {
    const field = this.#path === '' ? key : `${this.#path}.${key}`;
    throw new WireError(field, `is ${kindOf(value)}; send ${fix}`);
  }
}
