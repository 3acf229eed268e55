import { describe, expect, it } from 'vitest';
import { Progress } from '../../../src/cli/progress.ts';
import { table } from '../../../src/cli/table.ts';

describe('table', () => {
  it('lines up columns, numbers to the right', () => {
    const text = table(
      ['what', 'n'],
      [
        ['one', 1],
        ['three hundred', 300],
      ],
    );
    expect(text.split('\n')).toEqual([
      'what             n',
      '-------------  ---',
      'one              1',
      'three hundred  300',
    ]);
    expect(table(['what', 'n'], [])).toBe('what  n\n----  -');
  });
});

describe('Progress', () => {
  const drawn = (isTTY: boolean): { text: () => string; progress: Progress } => {
    const written: string[] = [];
    const stream = { isTTY, columns: 60, write: (text: string) => written.push(text) };
    return { text: () => written.join(''), progress: new Progress(stream, 20) };
  };

  it('writes over one line on a terminal', () => {
    const { text, progress } = drawn(true);
    progress.step(true);
    progress.step(false);
    progress.end();
    expect(text()).toContain('\r\u001b[K[###...........................] 2/20, 1 failed');
    expect(text().match(/\n/g)).toHaveLength(1);
  });

  it('writes a line for each tenth elsewhere', () => {
    const { text, progress } = drawn(false);
    for (let n = 0; n < 20; n += 1) progress.step(true);
    progress.end();
    expect(text().split('\n').slice(0, 2)).toEqual(['2/20', '4/20']);
    expect(text().split('\n')).toHaveLength(11);
  });
});
