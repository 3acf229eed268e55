import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { normalSection, parseIni } from '../../../src/config/ini.ts';

type Sections = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Texts put together at random, with what oslo.config 9.0 reads in them (section → key → values); null: refused. */
const golden = JSON.parse(
  readFileSync(new URL('../../data/oslo-config-ini.json', import.meta.url), 'utf8'),
) as readonly (readonly [text: string, sections: Sections | null])[];

function read(text: string): Sections | null {
  const { sections, entries, faults } = parseIni(text, '/x.conf');
  if (faults.length > 0) return null;
  const found: Record<string, Record<string, string[]>> = {};
  for (const { name } of sections) found[normalSection(name)] ??= {};
  for (const { section, key, value } of entries) ((found[section] ??= {})[key] ??= []).push(value);
  return found;
}

it('parseIni reads what oslo.config reads and refuses what it refuses', () => {
  expect(golden.length).toBeGreaterThan(100);
  for (const [text, sections] of golden) expect(read(text), JSON.stringify(text)).toEqual(sections);
});
