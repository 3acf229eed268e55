import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIni } from '../../../src/config/ini.ts';

const read = (text: string) =>
  parseIni(text, '/x.conf').entries.map(({ section, key, value }) => [section, key, value]);
const faults = (text: string) =>
  parseIni(text, '/x.conf').faults.map(({ where, problem }) => [where?.kind === 'file' ? where.line : 0, problem]);

describe('parseIni', () => {
  it('takes = or :, whichever comes first', () => {
    expect(read('[DEFAULT]\na = b:c\nd: e=f\ng=\nurl = rabbit://u:p@h/\n')).toEqual([
      ['DEFAULT', 'a', 'b:c'],
      ['DEFAULT', 'd', 'e=f'],
      ['DEFAULT', 'g', ''],
      ['DEFAULT', 'url', 'rabbit://u:p@h/'],
    ]);
  });

  it('joins indented lines by line feeds, until a blank line or a comment', () => {
    expect(read('[DEFAULT]\na = one\n  two\n\tthree # still\n\nb = 1\n# note\nc = 2')).toEqual([
      ['DEFAULT', 'a', 'one\ntwo\nthree # still'],
      ['DEFAULT', 'b', '1'],
      ['DEFAULT', 'c', '2'],
    ]);
    expect(faults('[DEFAULT]\na = 1\n# note\n  2')).toEqual([[4, expect.stringContaining('indented')]]);
    expect(faults('[DEFAULT]\na = 1\n\n  2')).toHaveLength(1);
  });

  it('keeps every repetition of a key, with its line', () => {
    const entries = parseIni('[s]\nk = 1\n\nk = 2\n', '/x.conf').entries;
    expect(entries.map(({ value, line, file }) => [value, line, file])).toEqual([
      ['1', 2, '/x.conf'],
      ['2', 4, '/x.conf'],
    ]);
  });

  it('takes # and ; as comments in the first column only', () => {
    expect(read('# a\n; b\n[s]\nk = v # w\nm = n;o\n')).toEqual([
      ['s', 'k', 'v # w'],
      ['s', 'm', 'n;o'],
    ]);
  });

  it('drops one pair of equal quotes around a whole value, a lone one included, as oslo.config does', () => {
    expect(read(`[s]\na = "x y"\nb = 'q'\nc = 'x"\nd = "\ne = it's\n`).map(([, , value]) => value)).toEqual([
      'x y',
      'q',
      `'x"`,
      '',
      `it's`,
    ]);
  });

  it('compares section names without case, except DEFAULT', () => {
    expect(read('[NFS1]\na=1\n[nfs1]\na=2\n[DEFAULT]\na=3\n[default]\na=4').map(([section]) => section)).toEqual([
      'nfs1',
      'nfs1',
      'DEFAULT',
      'default',
    ]);
  });

  it('reads files with a byte order mark and with any line ends', () => {
    expect(read('\uFEFF[s]\r\na = 1\r\n  2\rb = 3\n')).toEqual([
      ['s', 'a', '1\n2'],
      ['s', 'b', '3'],
    ]);
  });

  it('goes on after a fault and reports all of them with their lines', () => {
    const text = 'early = 1\n  lone\n[open\nlost = 1\n[]\nlost = 2\n[s]\nword\n= 1\nok = 1\n[t] # note\n';
    expect(faults(text).map(([line]) => line)).toEqual([1, 2, 3, 5, 8, 9, 11]);
    expect(read(text)).toEqual([['s', 'ok', '1']]);
  });

  it('never quotes a line that it cannot read: it may hold a password', () => {
    expect(JSON.stringify(parseIni('[s]\nhunter2\n', '/x.conf').faults)).not.toContain('hunter2');
  });

  it('gives back what was written, for any values', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);
    const line = fc
      .stringMatching(/^[^\s"'][\x21-\x7eäß€]{0,19}$/)
      .filter((text) => text.trim() === text && text !== '');
    const entry = fc.tuple(word, fc.array(line, { minLength: 1, maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, fc.array(entry, { maxLength: 4 }))), (sections) => {
        const text = sections.map(([name, entries]) => {
          return `[${name}]\n${entries.map(([key, lines]) => `${key} = ${lines.join('\n  ')}\n`).join('')}`;
        });
        const expected = sections.flatMap(([name, entries]) =>
          entries.map(([key, lines]) => [name, key, lines.join('\n')]),
        );
        expect(read(text.join('\n'))).toEqual(expected);
      }),
    );
  });

  it('survives any text at all', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseIni(text, '/x.conf')));
  });
});
