/** A value that is not what its option takes; the message says what would be. */
export class InvalidValue extends Error {
  override readonly name = 'InvalidValue';
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

const trueWords: readonly string[] = ['true', '1', 'on', 'yes'];
const falseWords: readonly string[] = ['false', '0', 'off', 'no'];

/** oslo.config's eight words, in any case. */
export function boolean(text: string): boolean {
  const word = text.toLowerCase();
  if (trueWords.includes(word)) return true;
  if (falseWords.includes(word)) return false;
  throw new InvalidValue('must be true or false (or 1/0, on/off, yes/no)');
}

/** A whole number as Python's `int` reads it. */
export function integer(text: string, range: Range = {}): number {
  const digits = text.trim();
  if (!/^[+-]?\d+(_\d+)*$/.test(digits)) throw new InvalidValue(`must be a whole number${rangeText(range)}`);
  const value = Number(digits.replaceAll('_', ''));
  if (!Number.isSafeInteger(value)) throw new InvalidValue('is too large a number');
  return inRange(value, 'a whole number', range);
}

export function float(text: string, range: Range = {}): number {
  const digits = text.trim();
  const value = Number(digits.replaceAll('_', ''));
  if (digits === '' || !/^[+-]?[\d_.]+(e[+-]?\d+)?$/i.test(digits) || !Number.isFinite(value))
    throw new InvalidValue(`must be a number${rangeText(range)}`);
  return inRange(value, 'a number', range);
}

export function choice<const C extends readonly string[]>(text: string, choices: C): C[number] {
  const word = text.trim().toLowerCase();
  const found = choices.find((candidate) => candidate.toLowerCase() === word);
  if (found === undefined) throw new InvalidValue(`must be one of ${choices.map((c) => c || "''").join(', ')}`);
  return found;
}

/** Words between commas, each trimmed. Empty ones are dropped: a trailing or doubled comma means nothing anywhere. */
export function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

export function json<T>(text: string, is: (value: unknown) => value is T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidValue('is not JSON');
  }
  if (!is(value)) throw new InvalidValue('is JSON, but not of the right form');
  return value;
}

function inRange(value: number, what: string, range: Range): number {
  const { min = -Infinity, max = Infinity } = range;
  if (value < min || value > max) throw new InvalidValue(`must be ${what}${rangeText(range)}`);
  return value;
}

function rangeText({ min, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, ${min} or more`;
  return max === undefined ? '' : `, ${max} or less`;
}
