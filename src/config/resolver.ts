import type { Fault, Origin } from './fault.ts';
import { interpolate, UnknownReference } from './interpolate.ts';
import type { Layers, RawValue } from './layers.ts';
import type { MachineFacts, OptionArea, OptionDef, OptionName, Values } from './option.ts';
import { InvalidValue } from './read-value.ts';
import type { Warning } from './warning.ts';

type AnyOption = OptionDef<unknown>;

/** An option with the text that it got, before it was given a type; what `config show` prints. */
export interface ResolvedOption extends OptionName {
  readonly option: AnyOption;
  /** With `$` references put in; `null`: unset. */
  readonly text: string | null;
  readonly origin: Origin;
}

/** Finds, interpolates and reads the values of options; collects what is wrong instead of throwing at the first. */
export class Resolver {
  readonly faults: Fault[] = [];
  readonly warnings: Warning[] = [];
  readonly resolved: ResolvedOption[] = [];
  readonly #layers: Layers;
  readonly #known: ReadonlyMap<string, AnyOption>;
  readonly #backendOptions: ReadonlyMap<string, AnyOption>;
  readonly #facts: MachineFacts;

  constructor(
    layers: Layers,
    areas: readonly OptionArea<Record<string, AnyOption>>[],
    backend: OptionArea<Record<string, AnyOption>>,
    facts: MachineFacts,
  ) {
    this.#layers = layers;
    const options = areas.flatMap((area) => Object.values(area.options));
    this.#known = new Map(options.map((option) => [`${option.group}.${option.name}`, option]));
    this.#backendOptions = new Map(Object.values(backend.options).map((option) => [option.name, option]));
    this.#facts = facts;
  }

  /**
   * All values of an area, frozen. `groups` are the sections to look in, first found wins; without them the area's
   * own. Where there is a fault the value is missing: whoever calls must throw if `faults` is not empty.
   */
  values<A extends OptionArea<Record<string, AnyOption>>>(
    area: A,
    groups: readonly string[] = [area.group],
  ): Values<A> {
    const pairs = Object.entries(area.options).map(([key, option]) => [key, this.#value(option, groups)] as const);
    // Each value was made by its own option's `parse`, which is what `Values` says of it.
    return Object.freeze(Object.fromEntries(pairs)) as Values<A>;
  }

  #value(option: AnyOption, groups: readonly string[]): unknown {
    const group = groups[0] ?? option.group;
    const raw = this.#raw(option, groups);
    this.#warnOfFormerName(option, raw);
    const origin: Origin = raw?.origin ?? { kind: 'default' };
    try {
      const texts = this.#texts(option, raw, group, []);
      this.resolved.push({ group, name: option.name, option, text: texts?.join('\n') ?? null, origin });
      return texts === undefined && !repeatable(option) ? null : option.parse(texts ?? []);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      this.faults.push({ where: origin, ...faultOf(option, raw, { group, name: option.name }, error) });
      return undefined;
    }
  }

  #raw(option: AnyOption, groups: readonly string[]): RawValue | undefined {
    for (const group of groups) {
      const own = { group, name: option.name };
      const raw = this.#layers.find([own, ...option.formerly], repeatable(option));
      if (raw !== undefined) return raw;
    }
    return undefined;
  }

  /** The texts with references put in; `undefined` if there is no value and no default. */
  #texts(option: AnyOption, raw: RawValue | undefined, group: string, path: readonly string[]): string[] | undefined {
    const given = raw?.texts ?? this.#defaultTexts(option);
    return given?.map((text) => interpolate(text, (name) => this.#reference(name, group, path)));
  }

  #defaultTexts(option: AnyOption): readonly string[] | undefined {
    // A `$` in what the machine says is no reference.
    if (option.machineDefault !== undefined) return [this.#facts[option.machineDefault].replaceAll('$', '$$$$')];
    return option.default === null ? undefined : [option.default];
  }

  /** The value behind `$name`: of the same section, else of `[DEFAULT]`; `group.name` says which. */
  #reference(name: string, group: string, path: readonly string[]): string | undefined {
    const dot = name.indexOf('.');
    const places =
      dot < 0
        ? [{ group, name }, ...(group === 'DEFAULT' ? [] : [{ group: 'DEFAULT', name }])]
        : [{ group: name.slice(0, dot), name: name.slice(dot + 1) }];
    for (const place of places) {
      const value = this.#referred(place, path);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #referred(place: OptionName, path: readonly string[]): string | undefined {
    const full = `${place.group}.${place.name}`;
    if (path.includes(full)) throw new InvalidValue(`refers to itself: ${[...path, full].join(' -> ')}`);
    const option = this.#known.get(full) ?? this.#backendOption(place);
    // Upstream knows hundreds of options that we do not; what a file says of one is as good.
    if (option === undefined) return this.#layers.find([place], false)?.texts[0];
    const groups = option.group === place.group ? [option.group] : [place.group, option.group];
    const texts = this.#texts(option, this.#raw(option, groups), place.group, [...path, full]);
    return texts?.join(',') ?? '';
  }

  #backendOption({ group, name }: OptionName): AnyOption | undefined {
    return group === 'DEFAULT' ? undefined : this.#backendOptions.get(name);
  }

  #warnOfFormerName(option: AnyOption, raw: RawValue | undefined): void {
    if (raw === undefined || !option.formerly.some((old) => old.group === raw.name.group && old.name === raw.name.name))
      return;
    const message = `[${raw.name.group}] ${raw.name.name} is now [${option.group}] ${option.name}`;
    this.warnings.push({ kind: 'deprecated', where: raw.origin, message });
  }
}

function faultOf(
  option: AnyOption,
  raw: RawValue | undefined,
  place: OptionName,
  error: InvalidValue,
): Omit<Fault, 'where'> {
  const { group, name } = raw?.name ?? place;
  if (!option.secret)
    return { problem: `[${group}] ${name} = ${raw?.texts.join(' | ') ?? option.default}: ${error.message}` };
  // A name after a `$` in a secret may be half of a password.
  const problem =
    error instanceof UnknownReference ? 'has a $ before what is no option; write $$ for a dollar sign' : error.message;
  return { problem: `[${group}] ${name}: ${problem}` };
}

function repeatable(option: AnyOption): boolean {
  return option.kind === 'multi';
}
