import { describe, expect, it } from 'vitest';
import { planReload } from '../../../src/config/reload.ts';
import { configOf, nfs } from './helpers.ts';

describe('planReload', () => {
  const before = configOf('[DEFAULT]\ndebug = false\nhost = a\n');

  it('takes over what may change and tells what needs a restart', () => {
    const { config, changed, needRestart } = planReload(before, configOf('[DEFAULT]\ndebug = true\nhost = b\n'));
    expect(changed).toEqual([{ group: 'DEFAULT', name: 'debug' }]);
    expect(needRestart).toEqual([{ group: 'DEFAULT', name: 'host' }]);
    expect([config.settings.logging.debug, config.settings.service.host]).toEqual([true, 'a']);
  });

  it('goes on from the running values, so that a second reload tells the same', () => {
    const next = configOf('[DEFAULT]\ndebug = true\nhost = b\n');
    const { config } = planReload(before, next);
    expect(planReload(config, next)).toMatchObject({ changed: [], needRestart: [{ name: 'host' }] });
    expect(planReload(config, before)).toMatchObject({ changed: [{ name: 'debug' }], needRestart: [] });
  });

  it('sees a backend that came or went', () => {
    const text = `[DEFAULT]\nhost = a\nenabled_backends = n\n[n]\n${nfs}`;
    const { needRestart } = planReload(before, configOf(text));
    expect(needRestart).toContainEqual({ group: 'DEFAULT', name: 'enabled_backends' });
  });
});
