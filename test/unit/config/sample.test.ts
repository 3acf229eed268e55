import { describe, expect, it } from 'vitest';
import type { OptionDef } from '../../../src/config/option.ts';
import { areas, backendOptions } from '../../../src/config/options/index.ts';
import { sampleConfig } from '../../../src/config/sample.ts';
import { configOf } from './helpers.ts';

describe('the sample file', () => {
  // After a change of the tables: npx vitest run test/unit/config/sample.test.ts -u
  it('in etc/ is what the option tables give', async () => {
    await expect(sampleConfig()).toMatchFileSnapshot('../../../etc/cinder.conf.sample');
  });

  it('can be loaded as it is, and with every default written out', () => {
    expect(configOf(sampleConfig()).warnings).toEqual([]);
    const written = sampleConfig().replaceAll(/^#(\w+ =(?! <))/gm, '$1');
    const explicit = configOf(written);
    expect(explicit.settings).toEqual(configOf('').settings);
    expect(explicit.warnings).toEqual([]);
    expect(explicit.resolved.filter(({ origin }) => origin.kind === 'file').length).toBeGreaterThan(80);
  });

  it('has every option exactly once in its section', () => {
    const sections = sampleConfig().split(/^\[(\w+)\]$/m);
    for (const area of [...Object.values(areas), backendOptions]) {
      const section = sections[sections.indexOf(area.group) + 1] ?? '';
      for (const { name } of Object.values(area.options))
        expect(section.match(new RegExp(`^#${name} =`, 'gm')), `${area.group} ${name}`).toHaveLength(1);
    }
  });
});

describe('the option tables', () => {
  const all = [...Object.values(areas), backendOptions].flatMap((area) =>
    Object.entries<OptionDef<unknown>>(area.options),
  );

  it('name no option twice, neither by its present nor by a former name', () => {
    const names = all
      .flatMap(([, option]) => [option, ...option.formerly])
      .map(({ group, name }) => `${group}.${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('call by their unit what are durations', () => {
    for (const [key, { help }] of all) expect(/\bseconds\b/i.test(help), key).toBe(key.endsWith('Ms'));
  });

  it('mark as secret what can hold a password', () => {
    const secret = all.filter(([, option]) => option.secret).map(([, { group, name }]) => `${group}.${name}`);
    const urls = all.filter(([, { name }]) =>
      /(transport|backend)_url$|connection$|password|secret|fixed_key/.test(name),
    );
    expect(secret.toSorted()).toEqual(urls.map(([, { group, name }]) => `${group}.${name}`).toSorted());
  });
});
