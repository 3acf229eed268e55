import type { Timestamp } from '../../domain/rows.ts';
import { WireError } from './wire-error.ts';

/*
 * The three ways in which Python writes an instant on the wire. All are UTC. A JS Date has milliseconds only, so texts
 * that came from elsewhere are rearranged as text and never pass through one, except where an offset must be applied.
 */

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, as in a context. */
export function isoMicros(instant: Date): string {
  return instant.toISOString().replace('Z', '000');
}

/** `YYYY-MM-DD HH:MM:SS.ffffff`, as in a notification. */
export function spacedMicros(instant: Date): string {
  return isoMicros(instant).replace('T', ' ');
}

/** A database timestamp as an object's field has it, `YYYY-MM-DDTHH:MM:SSZ`: the fraction is dropped, not rounded. */
export function objectTime(field: string, timestamp: Timestamp): string {
  return parseIsoTime(field, timestamp);
}

const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * Reads ISO 8601 (a fraction and an offset are allowed; without an offset it is UTC) and writes it in the object form.
 * The fraction is dropped, not rounded.
 */
export function parseIsoTime(field: string, text: string): string {
  const [, day = '', time = '', offset = 'Z'] = ISO.exec(text) ?? [];
  const instant = new Date(`${day}T${time}${colonOffset(offset)}`);
  // The parser takes February 30th for March 2nd; the day must come back as it was (before the offset is applied).
  const isReal = day !== '' && isValid(instant) && isoDay(`${day}T00:00:00Z`) === day;
  if (!isReal) throw new WireError(field, 'is not a time; send YYYY-MM-DDTHH:MM:SSZ');
  const written = instant.toISOString();
  if (written.length !== 24) throw new WireError(field, 'is outside the years 0 to 9999');
  return `${written.slice(0, 19)}Z`;
}

function colonOffset(offset: string): string {
  if (offset === 'Z') return offset;
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0');
  return `${offset.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2)}`;
}

function isValid(instant: Date): boolean {
  return !Number.isNaN(instant.getTime());
}

function isoDay(text: string): string {
  const instant = new Date(text);
  return isValid(instant) ? instant.toISOString().slice(0, 10) : '';
}
