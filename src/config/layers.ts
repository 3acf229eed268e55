import type { Fault, Origin } from './fault.ts';
import { normalSection, parseIni, type IniEntry, type IniSection } from './ini.ts';
import type { OptionName } from './option.ts';
import type { ConfigText } from './sources.ts';

/** A value of the command line; stands above everything. */
export interface FlagValue {
  /** Without a group: `DEFAULT`. */
  readonly group?: string;
  readonly name: string;
  readonly value: string;
  /** As it was typed, for messages: `--log-file`. */
  readonly flag: string;
}

/** What was found for an option before any interpretation. */
export interface RawValue {
  /** Several only where an option may be repeated. */
  readonly texts: readonly string[];
  readonly origin: Origin;
  /** The name under which it was found. */
  readonly name: OptionName;
}

/** All places where a value can stand: flags above the environment above the files, of which the last counts. */
export class Layers {
  readonly faults: readonly Fault[];
  readonly sections: readonly IniSection[];
  readonly entries: readonly IniEntry[];
  readonly #files: readonly ReadonlyMap<string, readonly IniEntry[]>[];
  readonly #flags: readonly FlagValue[];
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(
    texts: readonly ConfigText[],
    environment: Readonly<Record<string, string | undefined>>,
    flags: readonly FlagValue[],
  ) {
    const files = texts.map(({ text, file }) => parseIni(text, file));
    this.faults = files.flatMap((file) => file.faults);
    this.sections = files.flatMap((file) => file.sections);
    this.entries = files.flatMap((file) => file.entries);
    this.#files = files.map((file) => byPlace(file.entries));
    this.#environment = environment;
    this.#flags = flags;
  }

  /** The value of the first of `names` (the present one, then former ones); `all` joins every file's repetitions. */
  find(names: readonly OptionName[], all: boolean): RawValue | undefined {
    const [present] = names;
    if (present === undefined) return undefined;
    return this.#flag(present) ?? this.#variable(present) ?? (all ? this.#everyLine(names) : this.#lastFile(names));
  }

  #flag(name: OptionName): RawValue | undefined {
    const flag = this.#flags.findLast((given) => (given.group ?? 'DEFAULT') === name.group && given.name === name.name);
    return flag && { texts: [flag.value], origin: { kind: 'flag', flag: flag.flag }, name };
  }

  #variable(name: OptionName): RawValue | undefined {
    const variable = `OS_${name.group.toUpperCase()}__${name.name.toUpperCase()}`;
    const value = this.#environment[variable];
    return value === undefined ? undefined : { texts: [value], origin: { kind: 'environment', variable }, name };
  }

  /** A later file wins even by a former name; inside one file the present name wins. */
  #lastFile(names: readonly OptionName[]): RawValue | undefined {
    for (const file of this.#files.toReversed()) {
      for (const name of names) {
        const last = file.get(place(normalSection(name.group), name.name))?.at(-1);
        if (last !== undefined) return { texts: [last.value], origin: originOf(last), name };
      }
    }
    return undefined;
  }

  #everyLine(names: readonly OptionName[]): RawValue | undefined {
    for (const name of names) {
      const lines = this.#files.flatMap((file) => file.get(place(normalSection(name.group), name.name)) ?? []);
      const last = lines.at(-1);
      if (last !== undefined) return { texts: lines.map(({ value }) => value), origin: originOf(last), name };
    }
    return undefined;
  }
}

export function originOf({ file, line }: { readonly file: string; readonly line: number }): Origin {
  return { kind: 'file', file, line };
}

/** `Map.groupBy` came with Node 21. */
function byPlace(entries: readonly IniEntry[]): Map<string, IniEntry[]> {
  const groups = new Map<string, IniEntry[]>();
  for (const entry of entries) {
    const key = place(entry.section, entry.key);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

function place(section: string, key: string): string {
  return `${section}\n${key}`;
}
