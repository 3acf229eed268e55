import type { Repositories } from '../db/database.ts';
import type { RequestContext } from '../domain/context.ts';
import { CinderError } from '../domain/exceptions.ts';
import { luksCipherOf } from '../domain/luks-cipher.ts';
import type { Encryption } from '../drivers/volume-driver.ts';
import type { KeyManager } from '../keys/key-manager.ts';

/** What a driver may know of the encryption of volumes, on behalf of one request. */
export function createEncryption(
  db: Pick<Repositories, 'volumeTypes'>,
  keys: KeyManager,
  context: RequestContext,
  signal: AbortSignal,
): Encryption {
  return {
    /** Upstream's way from a key to a passphrase, and Nova's: the key's hexadecimal digits. */
    passphrase: async (volume) => {
      const id = volume.encryption_key_id;
      if (id === null) {
        throw new CinderError('KeyManagerError', { reason: `volume ${volume.id} has no key` });
      }
      return (await keys.get(context, id, signal)).toString('hex');
    },
    cipher: async ({ volume_type_id: type }) =>
      luksCipherOf(type === null ? null : await db.volumeTypes.encryption(type)),
  };
}
