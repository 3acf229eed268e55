/*
 * Values of options on the command lines of the repository's own programs: laboratory, matrix, model, simulation, bench.
 * Each throws an Error that names the option.
 */

/** Both ends count; without a `max` there is none but that of whole numbers. */
interface Bounds {
  readonly min: number;
  readonly max?: number;
}

export function wholeNumber(option: string, text: string, { min, max }: Bounds): number {
  const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER)) return value;
  const bounds = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new Error(`${option} must be a whole number ${bounds}, not "${text}"`);
}

export function oneOf<const T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new Error(`${option} must be one of ${choices.join(', ')}, not "${text}"`);
  return found;
}
