import { expect, it } from 'vitest';
import { secretValues } from '../../../src/config/secrets.ts';
import { configOf } from './helpers.ts';

it('secretValues are the texts of secret options, references put in', () => {
  const config = configOf('[DEFAULT]\ntransport_url = rabbit://u:p$$w@$my_ip/\n');
  expect(secretValues(config)).toContain('rabbit://u:p$w@192.0.2.7/');
});
