import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failpointsOf, failpointVariable, traceVariable } from '../../../src/dev/failpoints.ts';
import { withTempDir } from '../../support/temp-dir.ts';

describe('failpoints of a process', () => {
  function armed(text: string) {
    const signals: NodeJS.Signals[] = [];
    const pass = failpointsOf({ [failpointVariable]: text }, { signal: (signal) => signals.push(signal) });
    return { signals, pass };
  }

  it('kills at the n-th time that the named step is reached, once', async () => {
    const { signals, pass } = armed('committing:volume-file=kill@2');
    await pass('committing:volume-file');
    await pass('claimed');
    expect(signals).toEqual([]);
    await pass('committing:volume-file');
    await pass('committing:volume-file');
    expect(signals).toEqual(['SIGKILL']);
  });

  it('counts every step where none is named, and freezes', async () => {
    const { signals, pass } = armed('*=freeze@3');
    for (const step of ['journalled', 'locked', 'slot', 'claimed']) await pass(step);
    expect(signals).toEqual(['SIGSTOP']);
  });

  it.each(['', 'claimed', 'claimed=stop@1', 'claimed=kill@0', 'CLAIMED=kill@1'])('refuses "%s"', (text) => {
    expect(() => failpointsOf({ [failpointVariable]: text })).toThrow(failpointVariable);
  });

  it('takes what a file says, which one process alone does, and again when it says something new', async () => {
    await withTempDir(async (dir) => {
      const file = join(dir, 'armed');
      const [one, other] = [armed(`@${file}`), armed(`@${file}`)];
      await one.pass('call locked');
      await writeFile(file, 'call locked=kill@2');
      await one.pass('call locked');
      await other.pass('call locked');
      await one.pass('call locked');
      await other.pass('call locked');
      expect([one.signals, other.signals]).toEqual([['SIGKILL'], []]);
      expect(await readdir(dir)).toEqual([`armed.${process.pid}`]);
      await writeFile(file, 'sending=freeze@1');
      await other.pass('sending');
      expect(other.signals).toEqual(['SIGSTOP']);
    });
  });

  it('writes every step down, with the claim and the tokens that it stands on', async () => {
    await withTempDir(async (dir) => {
      const folder = join(dir, 'trace');
      await mkdir(folder);
      const pass = failpointsOf({ [traceVariable]: folder });
      await pass('locked');
      await pass('claimed', { entryId: '7', number: 2, tokens: new Map([['a', 12n]]), notes: {} });
      const text = await readFile(join(folder, `${process.pid}.jsonl`), 'utf8');
      const steps = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(steps).toMatchObject([{ step: 'locked' }, { step: 'claimed', entry: '7', claim: 2, tokens: { a: '12' } }]);
    });
  });
});
