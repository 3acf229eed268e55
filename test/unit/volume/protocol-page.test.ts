import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('docs/protocol.md', () => {
  it('says of every named step what a crash there leaves', () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const calls = files.flatMap((file) => [...read(join('src', file)).matchAll(/failpoints\(['`]([a-z: -]+)/g)]);
    const steps = [...new Set(calls.map(([, step = '']) => step))];
    const page = read('docs/protocol.md');
    expect(steps.length).toBeGreaterThan(8);
    expect(steps.filter((step) => !page.includes(`\`${step}`))).toEqual([]);
  });
});
