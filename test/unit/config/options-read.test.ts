import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { areas, backendOptions } from '../../../src/config/options/index.ts';

const src = join(import.meta.dirname, '../../../src');

/** For use in other options only (`$my_ip`). */
const forInterpolation = ['myIp'];

it('every option of the tables is read somewhere; what is not is accepted with a reason instead', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('config/options/'),
  );
  const words = new Set(files.flatMap((file) => readFileSync(join(src, file), 'utf8').match(/\w+/g) ?? []));
  const unread = [...Object.values(areas), backendOptions].flatMap(({ options }) =>
    Object.keys(options).filter((key) => !words.has(key) && !forInterpolation.includes(key)),
  );
  expect(unread).toEqual([]);
});
