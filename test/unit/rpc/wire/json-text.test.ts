import { describe, expect, it } from 'vitest';
import { decodeUtf8, parseJson, parseJsonObject } from '../../../../src/rpc/wire/json-text.ts';
import { WireError } from '../../../../src/rpc/wire/wire-error.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('decodeUtf8', () => {
  it('reads UTF-8', () => {
    expect(decodeUtf8('body', Buffer.from('größe 💾'))).toBe('größe 💾');
  });

  it.each([
    ['a lone continuation byte', bytes(0x80)],
    ['an overlong form', bytes(0xc0, 0xaf)],
    ['a surrogate', bytes(0xed, 0xa0, 0x80)],
    ['a cut off character', bytes(0x61, 0xe2, 0x82)],
  ])('refuses %s', (_what, input) => {
    expect(() => decodeUtf8('body', input)).toThrow(/^body: is not valid UTF-8/);
  });

  it('refuses more bytes than the limit, and takes as many', () => {
    const limits = { maxBytes: 4, maxDepth: 9 };
    expect(decodeUtf8('body', Buffer.from('"ab"'), limits)).toBe('"ab"');
    expect(() => decodeUtf8('body', Buffer.from('"abc"'), limits)).toThrow(/^body: is 5 bytes long; at most 4/);
  });

  it('does not swallow a byte order mark', () => {
    expect(() => parseJson('body', decodeUtf8('body', bytes(0xef, 0xbb, 0xbf, 0x31)))).toThrow(WireError);
  });
});

describe('parseJson', () => {
  it.each(['{"a":[1,-2.5e3,"[[[{\\"",null,true]}', '9007199254740991', '76.84680557250977', '[]', '"\\\\"'])(
    'reads %s',
    (text) => {
      expect(parseJson('x', text)).toStrictEqual(JSON.parse(text));
    },
  );

  it.each(['', '{', '{"a":}', '[1,]', '"', '"\\', 'NaN', '[Infinity]', '-', '01', '1-2', "{'a':1}", ']', '[1]]'])(
    'refuses %j as no JSON, without quoting it',
    (text) => {
      expect(() => parseJson('x', text)).toThrow(
        /^x: is not JSON; send standard JSON \((at position \d+|at its end)\)$/,
      );
    },
  );

  it.each(['9007199254740993', '[-9007199254740992]', '{"a":12345678901234567890}', '1e999', '[-1e400]'])(
    'refuses %s, which a double cannot hold',
    (text) => {
      expect(() => parseJson('x', text)).toThrow(/^x: has a number that loses its value/);
    },
  );

  it('leaves digits inside strings alone', () => {
    expect(parseJson('x', '{"12345678901234567890":"99999999999999999999"}')).toStrictEqual({
      '12345678901234567890': '99999999999999999999',
    });
  });

  it('refuses deep nesting before it builds anything', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parseJson('x', nested(128))).not.toThrow();
    expect(() => parseJson('x', nested(129))).toThrow(/^x: is nested deeper than 128 levels/);
    expect(() => parseJson('x', '{"a":'.repeat(5_000_000).slice(0, 16_000_000))).toThrow(/nested deeper/);
  });

  it('keeps a key that is the name of an inherited property', () => {
    const value = parseJsonObject('x', '{"__proto__":{"admin":true}}');
    expect(Object.keys(value)).toStrictEqual(['__proto__']);
    expect((value as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe('parseJsonObject', () => {
  it.each([
    ['[]', 'an array'],
    ['null', 'null'],
    ['"a"', 'a string'],
    ['1', 'a number'],
  ])('refuses %s', (text, kind) => {
    expect(() => parseJsonObject('x', text)).toThrow(`x: is ${kind}; send a JSON object`);
  });
});
