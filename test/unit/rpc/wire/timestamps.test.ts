import { describe, expect, it } from 'vitest';
import { isoMicros, objectTime, parseIsoTime, spacedMicros } from '../../../../src/rpc/wire/timestamps.ts';

describe('times on the wire', () => {
  it('have microseconds in contexts and notifications', () => {
    const instant = new Date('2026-01-02T03:04:05.678Z');
    expect(isoMicros(instant)).toBe('2026-01-02T03:04:05.678000');
    expect(spacedMicros(instant)).toBe('2026-01-02 03:04:05.678000');
  });

  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.999999', '2026-01-02T03:04:05Z'],
    ['2026-01-02 03:04:05.999999+00:00', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05+0530', '2026-01-01T21:34:05Z'],
    ['2026-01-02T03:04:05-01', '2026-01-02T04:04:05Z'],
    ['2024-02-29T23:59:59-01:00', '2024-03-01T00:59:59Z'],
    ['0099-01-01T00:00:00Z', '0099-01-01T00:00:00Z'],
  ])('%s is %s in an object', (text, expected) => {
    expect(parseIsoTime('t', text)).toBe(expected);
  });

  it.each([
    '',
    'now',
    '2026-01-02',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '1767323045',
  ])('refuses %j', (text) => {
    expect(() => parseIsoTime('t', text)).toThrow('t: is not a time; send YYYY-MM-DDTHH:MM:SSZ');
  });

  it('drops the fraction of a database time, and never shifts it by a zone', () => {
    expect(objectTime('t', '2026-06-30 23:59:59.999999')).toBe('2026-06-30T23:59:59Z');
    expect(objectTime('t', '2026-06-30 23:59:59')).toBe('2026-06-30T23:59:59Z');
  });
});
