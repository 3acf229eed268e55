import { describe, expect, it } from 'vitest';
import { defineOptions, json, list, multi, string, integer, type Values } from '../../../src/config/option.ts';
import * as read from '../../../src/config/read-value.ts';

describe('boolean', () => {
  it.each(['true', 'True', '1', 'on', 'YES'])('%s is true', (text) => expect(read.boolean(text)).toBe(true));
  it.each(['false', 'FALSE', '0', 'off', 'No'])('%s is false', (text) => expect(read.boolean(text)).toBe(false));
  it.each(['', 't', 'y', '2', 'enabled', ' true'])('%j is neither', (text) =>
    expect(() => read.boolean(text)).toThrow(read.InvalidValue),
  );
});

describe('numbers', () => {
  it('are read as Python reads them', () => {
    expect(['10', ' 10 ', '+5', '-1', '1_000'].map((text) => read.integer(text))).toEqual([10, 10, 5, -1, 1000]);
    expect(['1.5', '1e3', '.5', '-2'].map((text) => read.float(text))).toEqual([1.5, 1000, 0.5, -2]);
  });

  it.each(['', '1.0', '0x10', '1e3', '١', 'ten', '99999999999999999999'])('%j is no whole number', (text) =>
    expect(() => read.integer(text)).toThrow(read.InvalidValue),
  );
  it.each(['', 'inf', 'nan', '1.2.3', '-', '.', '1e'])('%j is no number', (text) =>
    expect(() => read.float(text)).toThrow(read.InvalidValue),
  );

  it('outside their range are refused with the range', () => {
    expect(() => read.integer('0', { min: 1, max: 9 })).toThrow('from 1 to 9');
    expect(() => read.float('10', { max: 9 })).toThrow('9 or less');
    expect(read.integer('9', { min: 1, max: 9 })).toBe(9);
  });
});

describe('lists', () => {
  it('lose blanks and empty words', () => expect(read.list(' a, b,,c , ')).toEqual(['a', 'b', 'c']));
});

describe('defineOptions', () => {
  const isNumbers = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((n) => typeof n === 'number');
  const table = defineOptions('g', {
    name: string('name', null, { help: '' }),
    size: integer('size', 4, { help: '', formerly: ['length', { group: 'h', name: 'len' }] }),
    words: list('words', ['a', 'b'], { help: '' }),
    many: multi('many', { help: '' }),
    numbers: json('numbers', '[1]', { help: '', is: isNumbers }),
  });

  it('gives each option its section, also in former names', () => {
    expect(table.options.size).toMatchObject({ group: 'g', name: 'size', default: '4' });
    expect(table.options.size.formerly).toEqual([
      { group: 'g', name: 'length' },
      { group: 'h', name: 'len' },
    ]);
  });

  it('types the values, null only where null is the default', () => {
    // Checked by the compiler: this does not build if a type is off.
    const values: Values<typeof table> = {
      name: null,
      size: 1,
      words: ['x'],
      many: [],
      numbers: [1],
    };
    const size: number = values.size;
    // @ts-expect-error the name may be null
    const name: string = values.name;
    expect([size, name]).toEqual([1, null]);
  });

  it('takes an empty text for unset where unset is possible, and refuses it elsewhere', () => {
    expect(table.options.name.parse([''])).toBeNull();
    expect(() => table.options.size.parse([''])).toThrow('whole number');
  });

  it('takes the last of several texts, or all where the option may be repeated', () => {
    expect(table.options.size.parse(['1', '2'])).toBe(2);
    expect(table.options.many.parse(['1', '', '2'])).toEqual(['1', '2']);
  });

  it('refuses JSON of another form', () => {
    expect(() => table.options.numbers.parse(['{'])).toThrow('is not JSON');
    expect(() => table.options.numbers.parse(['{}'])).toThrow('form');
  });
});
