import { CinderError } from '../../domain/exceptions.ts';
import { isVersionServed } from './version.ts';
import { WireObject } from './wire-object.ts';
import type { WireValue } from './wire-object.ts';

/** The classes that were older at an earlier version of the map, with the fields that they did not have then. */
interface Pin {
  readonly version: string;
  readonly without: readonly string[];
}

const PINS: Readonly<Record<string, Readonly<Record<string, Pin>>>> = {
  '1.38': {
    Volume: { version: '1.8', without: ['use_quota'] },
    Snapshot: { version: '1.5', without: ['use_quota'] },
  },
  '1.39': {},
};

/**
 * The same value for a receiver that knows objects up to this version of the map only, as the smallest one among the
 * services rows tells. Throws CappedVersionUnknown for a version outside the known history.
 */
export function pinObjects(value: WireValue, mapVersion: string): WireValue {
  const pins = Object.hasOwn(PINS, mapVersion) ? PINS[mapVersion] : undefined;
  if (pins === undefined) throw new CinderError('CappedVersionUnknown', { version: mapVersion });
  return Object.keys(pins).length === 0 ? value : pinned(value, pins);
}

function pinned(value: WireValue, pins: Readonly<Record<string, Pin>>): WireValue {
  if (Array.isArray(value)) return value.map((item: WireValue) => pinned(item, pins));
  if (value instanceof WireObject) return pinnedObject(value, pins);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pinned(item, pins)]));
}

function pinnedObject(object: WireObject, pins: Readonly<Record<string, Pin>>): WireObject {
  const pin = Object.hasOwn(pins, object.object) ? pins[object.object] : undefined;
  // An object that came at an old version stays at it: nothing is ever ported forwards.
  const isOld = pin === undefined || isVersionServed(object.version, pin.version);
  const dropped = isOld ? [] : pin.without;
  const kept = Object.entries(object.fields).filter(([name]) => !dropped.includes(name));
  return new WireObject(
    object.object,
    isOld ? object.version : pin.version,
    Object.fromEntries(kept.map(([name, value]) => [name, pinned(value, pins)])),
    object.changes.filter((name) => !dropped.includes(name)),
  );
}
