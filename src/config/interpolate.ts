import { InvalidValue } from './read-value.ts';

/** A `$name` that nobody knows. Kept apart because the name may be part of a password. */
export class UnknownReference extends InvalidValue {
  constructor(reference: string) {
    super(`refers to ${reference}, which is no option and stands in no file; write $$ for a dollar sign`);
  }
}

const reference = /\$(?:(\$)|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})/gi;

/**
 * Puts other options' values in for `$name`, `${name}`, `$group.name` and `${group.name}`; `$$` and `\$` are a dollar
 * sign. A `$` before anything else stays as it is. `lookup` says `undefined` for an option that nobody knows, which is
 * an error, as in oslo.config.
 */
export function interpolate(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes('$')) return text;
  return text.replaceAll('\\$', '$$$$').replace(reference, (whole, dollar?: string, bare?: string, braced?: string) => {
    if (dollar !== undefined) return '$';
    const name = bare ?? braced ?? '';
    const value = lookup(name);
    if (value === undefined) throw new UnknownReference(whole);
    return value;
  });
}
