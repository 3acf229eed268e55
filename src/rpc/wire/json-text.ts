import { isJsonObject } from '../../domain/json.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { messageOf } from '../../kernel/errors.ts';
import { WireError, kindOf } from './wire-error.ts';

/** What a message may cost before it is refused. */
export interface WireLimits {
  readonly maxBytes: number;
  /** Arrays and objects inside one another; the deepest message known from Cinder has some 20. */
  readonly maxDepth: number;
}

/** RabbitMQ 4 takes no larger message either. */
export const WIRE_LIMITS: WireLimits = { maxBytes: 16 * 1024 * 1024, maxDepth: 128 };

/** Decodes UTF-8; an invalid byte or a byte order mark is an error, never replaced or dropped. */
export function decodeUtf8(field: string, bytes: Uint8Array, limits: WireLimits = WIRE_LIMITS): string {
  if (bytes.byteLength > limits.maxBytes) {
    throw new WireError(field, `is ${bytes.byteLength} bytes long; at most ${limits.maxBytes} are accepted`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new WireError(field, 'is not valid UTF-8; send UTF-8', { cause });
  }
}

/**
 * Parses JSON that a foreigner wrote. What a double cannot hold (an integer beyond ±2^53, a number beyond the range)
 * is refused rather than rounded in silence; so are Python's `NaN` and `Infinity`, which are not JSON. A fraction is
 * the nearest double, as in Python.
 */
export function parseJson(field: string, text: string, limits: WireLimits = WIRE_LIMITS): Json {
  if (text.length > limits.maxBytes) {
    throw new WireError(field, `is ${text.length} characters long; at most ${limits.maxBytes} are accepted`);
  }
  scan(field, text, limits.maxDepth);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new WireError(field, `is not JSON; send standard JSON (${syntaxProblem(cause)})`, { cause });
  }
}

export function parseJsonObject(field: string, text: string, limits?: WireLimits): JsonObject {
  const value = parseJson(field, text, limits);
  if (!isJsonObject(value)) throw new WireError(field, `is ${kindOf(value)}; send a JSON object`);
  return value;
}

/**
 * Looks at depth and numbers before anything is built: deep nesting would cost memory in the parser and overflow the
 * stack of whatever walks or writes the value later, and the parsed value no longer shows that a number was rounded.
 */
function scan(field: string, text: string, maxDepth: number): void {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '"') at = endOfString(text, at);
    else if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth -= 1;
    else if (char === '-' || (char >= '0' && char <= '9')) {
      const number = numberAt(text, at);
      checkNumber(field, number);
      at += number.length - 1;
    }
    if (depth > maxDepth) throw new WireError(field, `is nested deeper than ${maxDepth} levels; flatten it`);
  }
}

/** The index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function numberAt(text: string, start: number): string {
  NUMBER.lastIndex = start;
  return NUMBER.exec(text)?.[0] ?? '-';
}

const NUMBER = /-?\d[\d.eE+-]*/y;

function checkNumber(field: string, token: string): void {
  const value = Number(token);
  const rounded = /^-?\d+$/.test(token) && !Number.isSafeInteger(value);
  if (rounded || Math.abs(value) === Infinity) {
    throw new WireError(field, 'has a number that loses its value as a 64-bit float; send it as a string');
  }
}

/** The parser's complaint without the excerpt of the text that newer versions of Node put into it. */
function syntaxProblem(cause: unknown): string {
  return /at position \d+/.exec(messageOf(cause))?.[0] ?? 'at its end';
}
