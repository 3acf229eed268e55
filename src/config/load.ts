import { hostname, networkInterfaces } from 'node:os';
import { InvalidInputError } from '../kernel/errors.ts';
import { ConfigError, type Fault, type Origin } from './fault.ts';
import { normalSection } from './ini.ts';
import { Layers, type FlagValue } from './layers.ts';
import type { MachineFacts } from './option.ts';
import { areas, backendOptions, type BackendSettings, type Settings } from './options/index.ts';
import { Resolver, type ResolvedOption } from './resolver.ts';
import { backendFaults, combinationFaults, unsafeTogether, withServiceDownTime } from './rules.ts';
import { readSources, type ConfigText, type GivenSource } from './sources.ts';
import { unreadLines } from './unknown.ts';
import type { Warning } from './warning.ts';

/** The whole configuration, checked, typed and frozen. */
export interface Config {
  readonly settings: Settings;
  /** The names in `enabled_backends`, as they are spelled there. */
  readonly backends: readonly string[];
  /** The values of one of `backends`. */
  backend(name: string): BackendSettings;
  /** What the operator should know, without the `accepted` kind. */
  readonly warnings: readonly Warning[];
  /** Lines that are upstream's and needless here. */
  readonly notes: readonly Warning[];
  /** The files that were read, later ones above earlier ones. Empty: none was given and none found. */
  readonly files: readonly string[];
  /** Every option with its text and where that came from. */
  readonly resolved: readonly ResolvedOption[];
}

export interface LoadOptions {
  /** `--config-file` and `--config-dir`, in their order. */
  readonly given: readonly GivenSource[];
  readonly flags?: readonly FlagValue[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly facts?: MachineFacts;
  /** Where to look if nothing is given; for tests. */
  readonly folders?: readonly string[];
}

/** Reads and checks the configuration. Throws one `ConfigError` that lists everything that is wrong. */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const { texts, faults } = await readSources(options.given, options.folders);
  const { environment = process.env, flags = [], facts = machineFacts() } = options;
  return resolveConfig({ texts, faults, environment, flags, facts });
}

export interface ResolveInput {
  readonly texts: readonly ConfigText[];
  /** Faults met while reading the texts. */
  readonly faults?: readonly Fault[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: readonly FlagValue[];
  readonly facts: MachineFacts;
}

/** The part of `loadConfig` that touches nothing outside. */
export function resolveConfig({ texts, faults = [], environment, flags, facts }: ResolveInput): Config {
  const layers = new Layers(texts, environment, flags);
  const resolver = new Resolver(layers, Object.values(areas), backendOptions, facts);
  const first = settingsOf(resolver);
  // A broken `enabled_backends` is among the faults; the rest is still looked at, to report all at once.
  const names = first.service.enabledBackends ?? [];
  const backends = new Map(
    names.map((name) => [name, resolver.values(backendOptions, [name, backendOptions.group])] as const),
  );
  const originOf = originFinder(resolver.resolved);
  const { service, warnings: adjusted } = withServiceDownTime(first.service, originOf);
  const settings: Settings = Object.freeze({ ...first, service });
  const backend = finder(backends);
  const sections = new Set(layers.sections.map(({ name }) => normalSection(name)));
  const all = [
    ...faults,
    ...layers.faults,
    ...resolver.faults,
    // Rules between values mean nothing while values are missing.
    ...(resolver.faults.length === 0 ? combinationFaults(settings, originOf) : []),
    ...backendFaults(names, (name) => sections.has(normalSection(name)), backend, originOf),
  ];
  if (all.length > 0) throw new ConfigError(distinct(all));
  const told = [
    ...resolver.warnings,
    ...adjusted,
    ...unsafeTogether(settings, names, backend, originOf),
    ...unreadLines(layers, Object.values(areas), backendOptions, names),
  ];
  return {
    settings,
    backends: names,
    backend,
    warnings: told.filter(({ kind }) => kind !== 'accepted'),
    notes: told.filter(({ kind }) => kind === 'accepted'),
    files: texts.map(({ file }) => file),
    resolved: resolver.resolved,
  };
}

function settingsOf(resolver: Resolver): Settings {
  return {
    service: resolver.values(areas.service),
    images: resolver.values(areas.images),
    logging: resolver.values(areas.logging),
    database: resolver.values(areas.database),
    rabbit: resolver.values(areas.rabbit),
    notifications: resolver.values(areas.notifications),
    coordination: resolver.values(areas.coordination),
    keystoneAuthtoken: resolver.values(areas.keystoneAuthtoken),
    serviceUser: resolver.values(areas.serviceUser),
    nova: resolver.values(areas.nova),
    keyManager: resolver.values(areas.keyManager),
    barbican: resolver.values(areas.barbican),
    barbicanServiceUser: resolver.values(areas.barbicanServiceUser),
    health: resolver.values(areas.health),
    activeActive: resolver.values(areas.activeActive),
  };
}

function finder(backends: ReadonlyMap<string, BackendSettings>): (name: string) => BackendSettings {
  return (name) => {
    const values = backends.get(name);
    if (values === undefined) throw new InvalidInputError('backend', `${name} is not in enabled_backends`);
    return values;
  };
}

function originFinder(resolved: readonly ResolvedOption[]) {
  return (group: string, name: string): Origin | undefined =>
    resolved.find((option) => option.group === group && option.name === name)?.origin;
}

/** A fault in `[backend_defaults]` shows in every backend, but is one fault. */
function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()];
}

/** Upstream takes the address of the interface that leads to the outside; we take the first that is not loopback. */
export function machineFacts(): MachineFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  return { hostname: hostname(), address: outside?.address ?? '127.0.0.1' };
}
