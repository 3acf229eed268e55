import * as read from './read-value.ts';

export type OptionKind = 'string' | 'integer' | 'float' | 'boolean' | 'list' | 'multi' | 'port' | 'choice' | 'json';

/** A place of an option: `[group] name`. */
export interface OptionName {
  readonly group: string;
  readonly name: string;
}

/** Things that only the machine can tell; used as defaults. */
export interface MachineFacts {
  readonly hostname: string;
  /** The address by which others reach this machine. */
  readonly address: string;
}

/**
 * One option: the row that feeds checking, the sample file, the documents and the redaction of logs.
 * `T` is what the program gets; durations are always milliseconds there, and the table's key ends in `Ms`.
 */
export interface OptionDef<T> extends OptionName {
  readonly kind: OptionKind;
  /** In the file's spelling, so that `$option` works in it; `null`: not set. */
  readonly default: string | null;
  /** Takes the place of `default`. */
  readonly machineDefault: keyof MachineFacts | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly choices: readonly string[] | undefined;
  /** The value, or a password inside it, must appear nowhere: no log, no `config show`, no error. */
  readonly secret: boolean;
  readonly help: string;
  /** Names that older releases used; still read, with a warning. */
  readonly formerly: readonly OptionName[];
  /** May change by SIGHUP; all others need a restart. */
  readonly mutable: boolean;
  /** From the file's spelling (several texts only for `multi`). Throws `InvalidValue`. */
  parse(texts: readonly string[]): T;
}

/** What every builder takes besides name and default. */
interface Extras {
  readonly help: string;
  readonly secret?: boolean;
  readonly mutable?: boolean;
  /** Without a group: the option's own. */
  readonly formerly?: readonly (string | OptionName)[];
  readonly machineDefault?: keyof MachineFacts;
  /** A rule of the option's own: says what is wrong, or nothing. */
  readonly check?: (text: string) => string | undefined;
}

interface NumberExtras extends Extras {
  readonly min?: number;
  readonly max?: number;
}

/** An option that does not know its group yet; `defineOptions` tells it. */
export type OptionDraft<T> = Omit<OptionDef<T>, 'group' | 'formerly'> & { readonly formerly: Extras['formerly'] };

/** `null` in, `null` possible: an option without a default may be unset. */
type Value<D, T> = null extends D ? T | null : T;

function draft<D, T>(
  name: string,
  kind: OptionKind,
  given: D,
  extras: NumberExtras & { readonly choices?: readonly string[] },
  parseOne: (text: string) => T,
): OptionDraft<Value<D, T>> {
  const nullable = given === null;
  const parse = (texts: readonly string[]): T | null => {
    const text = texts.at(-1) ?? '';
    if (nullable && text.trim() === '') return null;
    const problem = extras.check?.(text);
    if (problem !== undefined) throw new read.InvalidValue(problem);
    return parseOne(text);
  };
  // The one cast of the tables: `null` comes out only where `null` went in, which is what `Value` says.
  return { ...common(name, kind, nullable ? null : String(given), extras), parse } as OptionDraft<Value<D, T>>;
}

function common(
  name: string,
  kind: OptionKind,
  fallback: string | null,
  extras: NumberExtras & { readonly choices?: readonly string[] },
) {
  const { min, max, choices, help, formerly, machineDefault, secret = false, mutable = false } = extras;
  return { name, kind, default: fallback, machineDefault, min, max, choices, secret, help, formerly, mutable };
}

export function string<D extends string | null>(
  name: string,
  fallback: D,
  extras: Extras,
): OptionDraft<Value<D, string>> {
  return draft<D, string>(name, 'string', fallback, extras, (text) => text);
}

export function integer<D extends number | null>(
  name: string,
  fallback: D,
  extras: NumberExtras,
): OptionDraft<Value<D, number>> {
  return draft<D, number>(name, 'integer', fallback, extras, (text) => read.integer(text, extras));
}

/** Whole seconds in the file, milliseconds in the program. `fallback`, `min` and `max` are seconds. */
export function seconds<D extends number | null>(
  name: string,
  fallback: D,
  extras: NumberExtras,
): OptionDraft<Value<D, number>> {
  return draft<D, number>(name, 'integer', fallback, extras, (text) => read.integer(text, extras) * 1000);
}

/** Seconds with a fraction in the file, milliseconds in the program. */
export function fractionalSeconds<D extends number | null>(
  name: string,
  fallback: D,
  extras: NumberExtras,
): OptionDraft<Value<D, number>> {
  return draft<D, number>(name, 'float', fallback, extras, (text) => Math.round(read.float(text, extras) * 1000));
}

export function port(name: string, fallback: number, extras: Extras): OptionDraft<number> {
  const range = { ...extras, min: 0, max: 65535 };
  return draft<number, number>(name, 'port', fallback, range, (text) => read.integer(text, range));
}

export function boolean<D extends boolean | null>(
  name: string,
  fallback: D,
  extras: Extras,
): OptionDraft<Value<D, boolean>> {
  return draft<D, boolean>(name, 'boolean', fallback, extras, read.boolean);
}

/** One of a few words. oslo compares them with case unless told otherwise; we never mind the case. */
export function choice<const C extends readonly string[]>(
  name: string,
  fallback: C[number],
  choices: C,
  extras: Extras,
): OptionDraft<C[number]> {
  return draft<string, C[number]>(name, 'choice', fallback, { ...extras, choices }, (text) =>
    read.choice(text, choices),
  );
}

/** Words between commas. */
export function list(name: string, fallback: readonly string[], extras: Extras): OptionDraft<readonly string[]> {
  return draft<string, readonly string[]>(name, 'list', fallback.join(','), extras, read.list);
}

/** A JSON text; the caller gives the meaning. */
export function json<T>(
  name: string,
  fallback: string,
  extras: Extras & { readonly is: (value: unknown) => value is T },
): OptionDraft<T> {
  return draft<string, T>(name, 'json', fallback, extras, (text) => read.json(text, extras.is));
}

/** An option that may be written several times; every line counts, in the order of the files. */
export function multi(name: string, extras: Extras): OptionDraft<readonly string[]> {
  return { ...common(name, 'multi', null, extras), parse: (texts) => texts.filter((text) => text !== '') };
}

/** The options of one section that one part of the program reads. */
export interface OptionArea<O extends Readonly<Record<string, OptionDef<unknown>>>> {
  readonly group: string;
  readonly options: O;
}

/** What loading makes of an area: one typed, read-only value for each option. */
export type Values<A extends OptionArea<Readonly<Record<string, OptionDef<unknown>>>>> = {
  readonly [K in keyof A['options']]: A['options'][K] extends OptionDef<infer T> ? T : never;
};

type Placed<D> = { readonly [K in keyof D]: D[K] extends OptionDraft<infer T> ? OptionDef<T> : never };

/** Puts drafts into their section. */
export function defineOptions<D extends Readonly<Record<string, OptionDraft<unknown>>>>(
  group: string,
  drafts: D,
): OptionArea<Placed<D>> {
  const placed = Object.entries(drafts).map(([key, option]) => {
    const formerly = (option.formerly ?? []).map((old) => (typeof old === 'string' ? { group, name: old } : old));
    return [key, { ...option, group, formerly }];
  });
  // The keys and the types of the drafts stay; only the section is added, which is what the type above says.
  return { group, options: Object.fromEntries(placed) as Placed<D> };
}
