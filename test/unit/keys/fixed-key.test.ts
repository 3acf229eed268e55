import { describe, expect, it } from 'vitest';
import { FixedKey } from '../../../src/keys/fixed-key.ts';
import type { KeyManager } from '../../../src/keys/key-manager.ts';

const zeros = '00000000-0000-0000-0000-000000000000';
const other = '11111111-2222-3333-4444-555555555555';
const caller = { auth_token: null, request_id: 'req-1', global_request_id: null };
const { signal } = new AbortController();
const barbican: KeyManager = { get: (_caller, id) => Promise.resolve(Buffer.from(id)) };

describe('the fixed key', () => {
  it('is the bytes of its hexadecimal digits', async () => {
    expect(await new FixedKey('00ffA0', null).get(caller, zeros, signal)).toEqual(Buffer.from([0, 255, 160]));
  });

  it('is nobody else’s', async () => {
    const refusal = { exception: 'KeyManagerError', outcome: 'not-started' };
    await expect(new FixedKey('00', null).get(caller, other, signal)).rejects.toMatchObject(refusal);
    await expect(new FixedKey(null, null).get(caller, zeros, signal)).rejects.toThrow('fixed_key is not set');
  });

  it('opens, beside another key manager, the volumes from before it', async () => {
    const both = new FixedKey('00', barbican);
    expect(await both.get(caller, zeros, signal)).toEqual(Buffer.from([0]));
    expect(await both.get(caller, other, signal)).toEqual(Buffer.from(other));
    expect(await new FixedKey(null, barbican).get(caller, zeros, signal)).toEqual(Buffer.from(zeros));
  });
});
