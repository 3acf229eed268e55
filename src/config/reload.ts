import type { Config } from './load.ts';
import type { OptionArea, OptionDef, OptionName, Values } from './option.ts';
import type { ResolvedOption } from './resolver.ts';
import { areas, type Settings } from './options/index.ts';

/** What a SIGHUP brings. */
export interface Reload {
  /** The configuration to go on with: the present one with those new values that may change at run time. */
  readonly config: Config;
  /** Options that have a new value now. */
  readonly changed: readonly OptionName[];
  /** Options that were changed in the files but count only after a restart. */
  readonly needRestart: readonly OptionName[];
}

/**
 * Compares the running configuration with one that was just loaded. A configuration that cannot be loaded is not for
 * this function: whoever handles SIGHUP logs its `ConfigError` and goes on unchanged.
 */
export function planReload(current: Config, next: Config): Reload {
  const different = differences(current, next);
  const nextResolved = new Map(next.resolved.map((option) => [keyOf(option), option]));
  const resolved = current.resolved.map((old) => (old.option.mutable ? (nextResolved.get(keyOf(old)) ?? old) : old));
  const { warnings, notes } = next;
  return {
    config: { ...current, settings: merged(current.settings, next.settings), resolved, warnings, notes },
    changed: different.filter(({ option }) => option.mutable).map(nameOf),
    needRestart: different.filter(({ option }) => !option.mutable).map(nameOf),
  };
}

function keyOf({ group, name }: OptionName): string {
  return `${group}.${name}`;
}

function nameOf({ group, name }: OptionName): OptionName {
  return { group, name };
}

/** Options whose text is another one now, or that came or went with a backend. */
function differences(current: Config, next: Config): ResolvedOption[] {
  const before = new Map(current.resolved.map((option) => [keyOf(option), option.text]));
  const after = new Set(next.resolved.map(keyOf));
  const changed = next.resolved.filter((option) => before.get(keyOf(option)) !== option.text);
  const gone = current.resolved.filter((option) => !after.has(keyOf(option)));
  return [...changed, ...gone];
}

function merged(current: Settings, next: Settings): Settings {
  return Object.freeze({
    service: mergedArea(areas.service, current.service, next.service),
    logging: mergedArea(areas.logging, current.logging, next.logging),
    database: mergedArea(areas.database, current.database, next.database),
    rabbit: mergedArea(areas.rabbit, current.rabbit, next.rabbit),
    notifications: mergedArea(areas.notifications, current.notifications, next.notifications),
    coordination: mergedArea(areas.coordination, current.coordination, next.coordination),
    images: mergedArea(areas.images, current.images, next.images),
    keystoneAuthtoken: mergedArea(areas.keystoneAuthtoken, current.keystoneAuthtoken, next.keystoneAuthtoken),
    serviceUser: mergedArea(areas.serviceUser, current.serviceUser, next.serviceUser),
    nova: mergedArea(areas.nova, current.nova, next.nova),
    keyManager: mergedArea(areas.keyManager, current.keyManager, next.keyManager),
    barbican: mergedArea(areas.barbican, current.barbican, next.barbican),
    barbicanServiceUser: mergedArea(areas.barbicanServiceUser, current.barbicanServiceUser, next.barbicanServiceUser),
    health: mergedArea(areas.health, current.health, next.health),
    activeActive: mergedArea(areas.activeActive, current.activeActive, next.activeActive),
  });
}

function mergedArea<A extends OptionArea<Record<string, OptionDef<unknown>>>>(
  area: A,
  current: Values<A>,
  next: Values<A>,
): Values<A> {
  const fresh = Object.keys(area.options).filter((key) => area.options[key]?.mutable === true);
  const values: Values<A> = { ...current, ...pick(next, fresh) };
  return Object.freeze(values);
}

function pick(values: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, values[key]]));
}
