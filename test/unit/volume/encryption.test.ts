import { describe, expect, it } from 'vitest';
import type { RequestContext } from '../../../src/domain/context.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import type { Caller } from '../../../src/images/image-service.ts';
import { createEncryption } from '../../../src/volume/encryption.ts';

const context = { auth_token: 'user', request_id: 'req-1', global_request_id: null } as RequestContext;
const { signal } = new AbortController();
const volume = { id: 'v', encryption_key_id: 'key', volume_type_id: 'type' } as Volume;
const luks = { provider: 'luks', cipher: 'aes-xts-plain64', key_size: 256, control_location: 'front-end' };

function encryption(asked: unknown[] = []) {
  const get = (caller: Caller, id: string, until: AbortSignal): Promise<Buffer> => {
    asked.push([caller.auth_token, id, until]);
    return Promise.resolve(Buffer.from([0, 0xab]));
  };
  const volumeTypes = { encryption: (id: string) => Promise.resolve(id === 'type' ? luks : null) };
  return createEncryption({ volumeTypes } as never, { get }, context, signal);
}

describe('the encryption of a volume', () => {
  it("has the key's hexadecimal digits as its passphrase, read with the request's own token", async () => {
    const asked: unknown[] = [];
    expect(await encryption(asked).passphrase(volume)).toBe('00ab');
    expect(asked).toEqual([['user', 'key', signal]]);
  });

  it('has the cipher of its type', async () => {
    expect(await encryption().cipher(volume)).toEqual({ cipherAlg: 'aes-256', cipherMode: 'xts', ivgenAlg: 'plain64' });
    await expect(encryption().cipher({ ...volume, volume_type_id: null })).rejects.toThrow('no provider');
    await expect(encryption().cipher({ ...volume, volume_type_id: 'other' })).rejects.toThrow('no provider');
  });

  it('is none where there is no key', async () => {
    await expect(encryption().passphrase({ ...volume, encryption_key_id: null })).rejects.toThrow('has no key');
  });
});
