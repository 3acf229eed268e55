import { AppError } from '../../kernel/errors.ts';

/** How a caller in Python should see an error: a class name and the module that it comes from. */
export interface PythonClass {
  readonly name: string;
  readonly module: string;
}

const MAX_FIELD = 200;
const VALUE_ERROR: PythonClass = { name: 'ValueError', module: 'builtins' };

/** A message from outside is not what it must be. Nothing was started because of it. Names the field and the fix. */
export class WireError extends AppError {
  readonly code = 'WIRE';
  /** The path of the offending part, as `args.volume.size`. */
  readonly field: string;
  readonly python: PythonClass;

  constructor(field: string, problem: string, options: ErrorOptions & { python?: PythonClass } = {}) {
    // A path is made of the sender's keys, which may be as long as the message.
    const shown = field.length > MAX_FIELD ? `${field.slice(0, MAX_FIELD)}…` : field;
    super(`${shown}: ${problem}`, { ...options, outcome: 'not-started' });
    this.field = shown;
    this.python = options.python ?? VALUE_ERROR;
  }
}

/** What a value is, in JSON's words, for an error's text. Never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'missing';
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `a ${typeof value}`;
}
