import { describe, expect, it } from 'vitest';
import { createRedact, maskUrlPasswords } from '../../../src/log/redact.ts';

const redact = createRedact([]);

describe('URLs', () => {
  it.each([
    ['rabbit://u:hunter2@h:5672/v', 'rabbit://u:***@h:5672/v'],
    ['rabbit://a:p1@h1,b:p2@h2/v', 'rabbit://a:***@h1,b:***@h2/v'],
    ['postgresql+psycopg2://c:p@ss@h/cinder', 'postgresql+psycopg2://c:***@h/cinder'],
    ['mysql://c:p/w,x@h:3306/cinder', 'mysql://c:***,x@h:3306/cinder'],
    ['rabbit://h1:5672,[::1]:5672,u:p@h2', 'rabbit://h1:5672,[::1]:5672,u:***@h2'],
    ['redis://:pw@h:26379?sentinel=kolla', 'redis://:***@h:26379?sentinel=kolla'],
    ['zookeeper://h1:2181,h2:2181', 'zookeeper://h1:2181,h2:2181'],
    ['amqp://guest@h and http://h/a@b:c', 'amqp://guest@h and http://h/a@b:c'],
    ['see file:///var/lib/cinder', 'see file:///var/lib/cinder'],
  ])('%s', (text, masked) => expect(maskUrlPasswords(text)).toBe(masked));
});

describe('keys that sound secret', () => {
  it.each([
    ['password=hunter2 next', 'password=*** next'],
    ['admin_password = hunter2', 'admin_password = ***'],
    ['{"auth_token":"gAAAA","x":1}', '{"auth_token":"***","x":1}'],
    ["{'nas_password': 'a b', 'k': 1}", "{'nas_password': '***', 'k': 1}"],
    ['body="{\\"password\\":\\"hunter2\\",\\"id\\":1}"', 'body="{\\"password\\":\\"***\\",\\"id\\":1}"'],
    ['argv --password hunter2 --size 1', 'argv --password *** --size 1'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    ['X-Auth-Token: gAAAA', 'X-Auth-Token: ***'],
    ['secret="two words" next', 'secret="***" next'],
    ['GET /v3?token=gAAAA&x=1', 'GET /v3?token=***&x=1'],
  ])('%s', (text, masked) => expect(redact(text)).toBe(masked));

  it.each(['token=12 lock=cinder-x', '{"token":"12"}', 'the password is wrong', 'tokenizer ready'])(
    'leaves alone: %s',
    (text) => expect(redact(text)).toBe(text),
  );
});

describe('values of secret options', () => {
  it('are masked anywhere, in each spelling, of a URL the passwords only', () => {
    const clean = createRedact(['rabbit://u:s3cr%2Ft-1@h/', 'whole"value-9']);
    expect(clean('a s3cr%2Ft-1 b s3cr/t-1 c')).toBe('a *** b *** c');
    expect(clean(JSON.stringify({ x: 'whole"value-9' }))).toBe('{"x":"***"}');
    expect(clean('host h of rabbit')).toBe('host h of rabbit');
  });

  it('are not searched for where they are plain words, or every logger name would vanish', () => {
    const clean = createRedact(['postgresql://cinder:cinder@h/cinder']);
    expect(clean('INFO cinder.volume postgresql://cinder:cinder@h/')).toBe(
      'INFO cinder.volume postgresql://cinder:***@h/',
    );
  });
});

it('takes no long time for hostile lines', () => {
  const line = `password ${'-'.repeat(2000)} ${'\\'.repeat(2000)} ${'token'.repeat(400)} ${'"'.repeat(2000)}`;
  const startedAtMs = performance.now();
  redact(line);
  expect(performance.now() - startedAtMs).toBeLessThan(1000);
});
