import { acceptedOption, acceptedSection, fieldHint, sectionsWithReasons } from './accepted.ts';
import { normalSection, type IniEntry } from './ini.ts';
import { originOf, type Layers } from './layers.ts';
import { nearest } from './nearest.ts';
import type { OptionArea, OptionDef } from './option.ts';
import type { Warning } from './warning.ts';

type AnyArea = OptionArea<Record<string, OptionDef<unknown>>>;

/** Says of every line that no option reads why that is, or what was probably meant. */
export function unreadLines(
  layers: Layers,
  areas: readonly AnyArea[],
  backend: AnyArea,
  enabledBackends: readonly string[],
): Warning[] {
  const names = new Names(areas, backend, enabledBackends, layers);
  const lines = layers.entries.map((entry) => names.lookAt(entry)).filter((warning) => warning !== undefined);
  return [...names.unknownSections(), ...lines];
}

class Names {
  /** Section → the option names read there, present and former. */
  readonly #read = new Map<string, Set<string>>();
  readonly #backendNames: ReadonlySet<string>;
  readonly #backendSections: ReadonlySet<string>;
  /** Sections that look like a backend which is not enabled. */
  readonly #idle: ReadonlySet<string>;
  readonly #layers: Layers;

  constructor(areas: readonly AnyArea[], backend: AnyArea, enabled: readonly string[], layers: Layers) {
    for (const section of sectionsWithReasons) this.#read.set(section, new Set());
    for (const area of areas) for (const option of Object.values(area.options)) this.#add(option);
    this.#backendNames = new Set(Object.values(backend.options).map(({ name }) => name));
    this.#backendSections = new Set([backend.group, ...enabled.map(normalSection)]);
    this.#idle = new Set(layers.entries.filter(({ key }) => key === 'volume_driver').map(({ section }) => section));
    this.#layers = layers;
  }

  #add(option: OptionDef<unknown>): void {
    for (const { group, name } of [option, ...option.formerly]) {
      const section = normalSection(group);
      this.#read.set(section, (this.#read.get(section) ?? new Set()).add(name));
    }
  }

  lookAt(entry: IniEntry): Warning | undefined {
    const { section, key } = entry;
    if (this.#backendSections.has(section)) return this.#inBackend(entry);
    const here = this.#read.get(section);
    if (here === undefined || here.has(key)) return undefined;
    if (section === 'DEFAULT' && this.#backendNames.has(key))
      return warn(
        entry,
        'ignored',
        `belongs into a backend's section or [backend_defaults]; in [DEFAULT] it has no effect`,
      );
    return this.#unread(entry, section, here);
  }

  #inBackend(entry: IniEntry): Warning | undefined {
    if (this.#backendNames.has(entry.key)) return undefined;
    return this.#unread(entry, 'backend_defaults', this.#backendNames);
  }

  #unread(entry: IniEntry, group: string, here: ReadonlySet<string>): Warning {
    const hint = fieldHint(entry.key);
    if (hint !== undefined) return warn(entry, 'unknown', hint);
    const home = [...this.#read].find(([, names]) => names.has(entry.key))?.[0];
    if (home !== undefined) return warn(entry, 'unknown', `is an option of [${home}] and has no effect here`);
    const accepted =
      acceptedOption(group, entry.key) ??
      (group === 'DEFAULT' ? acceptedOption('backend_defaults', entry.key) : undefined);
    if (accepted !== undefined) return warn(entry, loudness(accepted.loud, entry.value), accepted.reason);
    const meant = nearest(entry.key, here);
    return warn(
      entry,
      'unknown',
      meant === undefined ? 'is no option that we know' : `is no option; did you mean ${meant}?`,
    );
  }

  /** Sections that nobody reads: upstream's own, a backend that is not enabled, or a slip of the pen. */
  unknownSections(): Warning[] {
    const seen = new Set<string>([...this.#read.keys(), ...this.#backendSections]);
    const warnings: Warning[] = [];
    for (const section of this.#layers.sections) {
      const name = normalSection(section.name);
      if (seen.has(name)) continue;
      seen.add(name);
      warnings.push({ ...this.#aboutSection(name), where: originOf(section) });
    }
    return warnings;
  }

  #aboutSection(name: string): Omit<Warning, 'where'> {
    const accepted = acceptedSection(name);
    if (accepted !== undefined) return { kind: 'accepted', message: `[${name}] ${accepted.reason}` };
    if (this.#idle.has(name))
      return { kind: 'accepted', message: `[${name}] is a backend that is not in enabled_backends` };
    const meant = nearest(name.trim().toUpperCase() === 'DEFAULT' ? 'DEFAULT' : name, [
      ...this.#read.keys(),
      ...this.#backendSections,
    ]);
    const hint = meant === undefined ? '' : `; did you mean [${meant}]?`;
    return { kind: 'unknown', message: `nothing reads the section [${name}]${hint}` };
  }
}

/** An option that is switched off needs no warning about its missing effect. */
function loudness(loud: boolean, value: string): 'ignored' | 'accepted' {
  return loud && !/^(false|no|off|0|none)?$/i.test(value) ? 'ignored' : 'accepted';
}

function warn(entry: IniEntry, kind: Warning['kind'], message: string): Warning {
  return { kind, where: originOf(entry), message: `[${entry.section}] ${entry.key} ${message}` };
}
