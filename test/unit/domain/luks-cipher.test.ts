import { describe, expect, it } from 'vitest';
import { luksCipherOf } from '../../../src/domain/luks-cipher.ts';

const luks = { provider: 'luks', cipher: 'aes-xts-plain64', key_size: 256, control_location: 'front-end' };

describe("a volume type's encryption", () => {
  it.each(['luks', 'nova.volume.encryptors.luks.LuksEncryptor', 'LuksEncryptor'])('by %s is LUKS', (provider) => {
    const cipher = { cipherAlg: 'aes-256', cipherMode: 'xts', ivgenAlg: 'plain64' };
    expect(luksCipherOf({ ...luks, provider })).toEqual(cipher);
  });

  it.each([
    ['is none', null, /no provider/],
    ['has no provider', { ...luks, provider: null }, /no provider/],
    ['is for block devices', { ...luks, provider: 'plain' }, /by plain/],
    ['is LUKS 2', { ...luks, provider: 'luks2' }, /by luks2/],
    ['has no cipher', { ...luks, cipher: null }, /cipher and key_size/],
    ['has no key size', { ...luks, key_size: null }, /cipher and key_size/],
    ['has a cipher of two parts', { ...luks, cipher: 'aes-xts' }, /not like aes-xts-plain64/],
    ['has options of the kernel', { ...luks, cipher: 'aes-cbc-essiv:sha256' }, /not like aes-xts-plain64/],
    ['hides another option', { ...luks, cipher: 'aes-xts-plain64,size=1' }, /not like aes-xts-plain64/],
    ['has an impossible key size', { ...luks, key_size: -1 }, /not like aes-xts-plain64/],
  ])('that %s is refused', (_what, row, message) => {
    expect(() => luksCipherOf(row)).toThrow(message);
  });
});
