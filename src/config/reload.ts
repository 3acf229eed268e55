import type { Config } from './load.ts';
import type { OptionArea, OptionDef, OptionName, Values } from './option.ts';
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
  const mutable = new Set(
    Object.values(areas).flatMap((area) =>
      Object.values<OptionDef<unknown>>(area.options)
        .filter((option) => option.mutable)
        .map(({ group, name }) => `${group}.${name}`),
    ),
  );
  const isMutable = ({ group, name }: OptionName): boolean => mutable.has(`${group}.${name}`);
  return {
    config: {
      ...current,
      settings: merged(current.settings, next.settings),
      warnings: next.warnings,
      notes: next.notes,
    },
    changed: different.filter(isMutable),
    needRestart: different.filter((option) => !isMutable(option)),
  };
}

function differences(current: Config, next: Config): OptionName[] {
  const before = new Map(current.resolved.map(({ group, name, text }) => [`${group}.${name}`, text]));
  const after = new Map(next.resolved.map(({ group, name, text }) => [`${group}.${name}`, { group, name, text }]));
  const gone = current.resolved.filter(({ group, name }) => !after.has(`${group}.${name}`));
  const other = [...after].filter(([key, { text }]) => before.get(key) !== text).map(([, option]) => option);
  return [...other, ...gone].map(({ group, name }) => ({ group, name }));
}

function merged(current: Settings, next: Settings): Settings {
  return Object.freeze({
    service: mergedArea(areas.service, current.service, next.service),
    logging: mergedArea(areas.logging, current.logging, next.logging),
    database: mergedArea(areas.database, current.database, next.database),
    rabbit: mergedArea(areas.rabbit, current.rabbit, next.rabbit),
    notifications: mergedArea(areas.notifications, current.notifications, next.notifications),
    coordination: mergedArea(areas.coordination, current.coordination, next.coordination),
    concurrency: mergedArea(areas.concurrency, current.concurrency, next.concurrency),
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
