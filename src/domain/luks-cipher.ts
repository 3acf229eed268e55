import { CinderError } from './exceptions.ts';

/** What LUKS encrypts with, in qemu's words: `aes-256`, `xts`, `plain64`. */
export interface LuksCipher {
  readonly cipherAlg: string;
  readonly cipherMode: string;
  readonly ivgenAlg: string;
}

/** Names that volume types have for LUKS; others (os-brick knows plain dm-crypt and luks2) are not for files. */
const luksProviders = new Set([
  'luks',
  'LuksEncryptor',
  'os_brick.encryptors.luks.LuksEncryptor',
  'nova.volume.encryptors.luks.LuksEncryptor',
]);

/**
 * What a volume type's encryption comes to; `row` null: the type has none.
 *
 * @throws CinderError naming the field that does not fit
 */
export function luksCipherOf(row: Readonly<Record<string, string | number | null>> | null): LuksCipher {
  const { provider = null, cipher = null, key_size: size = null } = row ?? {};
  if (provider === null) throw refuse("the volume is encrypted, and its type's encryption has no provider");
  if (!luksProviders.has(String(provider))) throw refuse(`encryption by ${provider} is not supported, only by luks`);
  if (cipher === null || size === null) throw refuse("the type's encryption must have cipher and key_size");
  const parts = String(cipher).split('-');
  const [algorithm, cipherMode, ivgenAlg] = parts;
  // They become a part of qemu-img's options, where a comma would begin another one.
  if (parts.length !== 3 || !parts.every((part) => /^[a-z0-9]+$/.test(part)) || !/^[1-9]\d{1,3}$/.test(String(size))) {
    const reason = `cipher "${cipher}" with key_size ${size} is not like aes-xts-plain64 with 256`;
    throw new CinderError('InvalidVolumeType', { reason }, { outcome: 'not-started' });
  }
  return { cipherAlg: `${algorithm}-${size}`, cipherMode: cipherMode ?? '', ivgenAlg: ivgenAlg ?? '' };
}

function refuse(why: string): CinderError {
  const message = `Refused: ${why}.`;
  return new CinderError('VolumeDriverException', { message }, { message, outcome: 'not-started' });
}
