import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/domain/rows.ts';
import { leaveOut } from '../../support/programs.ts';
import { encryptedBackend, type EncryptedBackend } from './encrypted-backend.ts';
import { infoOf } from './encrypted-image.ts';
import { longTestMs, processList } from './helper-machine.ts';

const gib = 1024 ** 3;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('an encrypted volume', { timeout: longTestMs }, () => {
  let at: EncryptedBackend;
  beforeAll(async () => {
    at = await encryptedBackend();
  });
  afterAll(() => at.backend.stop());

  it('is a qcow2 file whose data only its key opens', async () => {
    const volume = await at.available();
    expect(infoOf(at.path(volume))).toMatchObject({
      ...{ format: 'qcow2', encrypted: true, 'virtual-size': gib },
      'format-specific': {
        data: { encrypt: { format: 'luks', 'cipher-alg': 'aes-256', 'cipher-mode': 'xts', 'ivgen-alg': 'plain64' } },
      },
    });
    at.guest(volume, 'write -P 65 0 1M');
    at.guest(volume, 'read -P 65 0 1M');
    expect(readFileSync(at.path(volume)).includes('A'.repeat(64))).toBe(false);
    expect(() => at.guest(volume, 'read 0 512', 'wrong')).toThrow('Invalid password');
    const connection = await at.backend.driver.connection.connect(volume, {}, at.backend.work());
    expect(connection.info.data).toMatchObject({ format: 'qcow2', name: `volume-${volume.id}` });
  });

  it('is found complete by a successor, and made anew where it is of another size', async () => {
    const volume = at.volume();
    await at.backend.driver.create({ ...volume, size: 2 }, at.backend.work());
    await at.backend.driver.create(volume, at.backend.work());
    expect(infoOf(at.path(volume))['virtual-size']).toBe(gib);
    const before = readFileSync(at.path(volume));
    const withoutKey = at.backend.work({ encryption: undefined as never });
    await at.backend.driver.create(volume, withoutKey);
    expect(readFileSync(at.path(volume)).equals(before)).toBe(true);
  });

  it('is refused where its key cannot be had, and leaves nothing', async () => {
    const volume = at.volume();
    const without = at.backend.work({ encryption: undefined as never });
    await expect(at.backend.driver.create(volume, without)).rejects.toThrow('no way to its key');
    expect(at.backend.files()).not.toContain(`volume-${volume.id}`);
  });

  it('shows its passphrase in no command line and no environment', async () => {
    const volume = at.volume();
    const seen = new Set<string>();
    const processes = processList();
    await processes.look();
    let over = false;
    const watch = (async () => {
      while (!over) for (const text of await processes.look()) seen.add(text);
    })();
    await at.backend.driver.create(volume, at.backend.work());
    over = true;
    await watch;
    processes.stop();
    const made = [...seen].filter((text) => text.includes('qemu-img') && text.includes(volume.id));
    expect(made).not.toEqual([]);
    expect([...seen].filter((text) => text.includes(at.passphraseOf(volume)))).toEqual([]);
    expect(made.every((text) => text.includes('file=/dev/fd/3'))).toBe(true);
  });

  it('keeps its snapshots’ data through merges in the middle and at the top', async () => {
    const volume = await at.available();
    at.guest(volume, 'write -P 1 0 64k');
    const first = await at.backend.snapshot(volume);
    at.guest(volume, 'write -P 2 64k 64k');
    const second = await at.backend.snapshot(volume);
    at.guest(volume, 'write -P 3 128k 64k');
    expect(infoOf(at.path(volume))).toMatchObject({ encrypted: true, 'backing-filename-format': 'qcow2' });
    await at.backend.removeSnapshot(first, volume);
    for (const [byte, offset] of [1, 2, 3].map((n) => [n, (n - 1) * 64] as const))
      at.guest(volume, `read -P ${byte} ${offset}k 64k`);
    await at.backend.removeSnapshot(second, volume);
    expect(at.backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
    for (const [byte, offset] of [1, 2, 3].map((n) => [n, (n - 1) * 64] as const))
      at.guest(volume, `read -P ${byte} ${offset}k 64k`);
    expect(at.backend.temps()).toEqual([]);
  });

  it('goes back to its snapshot, and grows with it', async () => {
    const volume = await at.available();
    at.guest(volume, 'write -P 1 0 64k');
    const snapshot = await at.backend.snapshot(volume);
    at.guest(volume, 'write -P 2 0 64k');
    const said: string[] = [];
    const log = { info: () => undefined, warn: (_: object, message: string) => void said.push(message) };
    await at.backend.extend(volume, 2, at.backend.work({ isContinued: true, log }));
    // Somebody else's leaks were looked for, with the passphrase.
    expect(said).toEqual([]);
    expect(infoOf(at.path(volume))['virtual-size']).toBe(2 * gib);
    at.guest(volume, 'read -P 2 0 64k');
    at.guest(volume, 'write -P 3 1536M 64k');
    const reverting = { ...volume, size: 2, status: 'reverting' };
    await at.backend.driver.reversal.revert(reverting, snapshot, at.backend.work());
    at.guest(volume, 'read -P 1 0 64k');
    at.guest(volume, 'read -P 0 1536M 64k');
  });

  it('is cloned, also from a snapshot and larger, with a key of its own', async () => {
    const volume = await at.available();
    at.guest(volume, 'write -P 7 0 64k');
    const snapshot = await at.backend.snapshot(volume);
    at.guest(volume, 'write -P 8 0 64k');
    const copies: readonly [Volume, number][] = [
      [await at.clone(at.volume({ size: 2 }), { kind: 'volume', volume }), 8],
      [await at.clone(at.volume(), { kind: 'snapshot', snapshot, volume }), 7],
    ];
    for (const [copy, byte] of copies) {
      expect(infoOf(at.path(copy))).toMatchObject({ format: 'qcow2', encrypted: true });
      at.guest(copy, `read -P ${byte} 0 64k`);
      expect(() => at.guest(copy, 'read 0 512', at.passphraseOf(volume))).toThrow('Invalid password');
    }
    at.guest(copies[0]?.[0] ?? volume, 'read -P 0 1536M 64k');
  });

  it('and one that is not are not made of each other', async () => {
    const [encrypted, plain] = [await at.available(), await at.backend.available()];
    const toPlain = at.clone(at.backend.volume(), { kind: 'volume', volume: encrypted });
    await expect(toPlain).rejects.toMatchObject({ exception: 'NotSupportedOperation' });
    const toEncrypted = at.clone(at.volume(), { kind: 'volume', volume: plain });
    await expect(toEncrypted).rejects.toMatchObject({ exception: 'NfsException' });
  });

  it('whose file is not encrypted is not touched, nor the other way round', async () => {
    const plain = await at.backend.available();
    const claimed = { ...plain, encryption_key_id: randomUUID() };
    await expect(at.backend.snapshot(claimed)).rejects.toThrow('the volume is encrypted, and');
    const encrypted = await at.available();
    await expect(at.backend.snapshot({ ...encrypted, encryption_key_id: null })).rejects.toThrow('is encrypted, and');
  });

  it('made after a kill is complete', async () => {
    const volume = at.volume();
    const killed = at.backend.driver.create(volume, at.backend.work());
    setTimeout(() => at.backend.killHelper(), 500);
    await expect(killed).rejects.toMatchObject({ outcome: 'unknown' });
    await at.backend.driver.create(volume, at.backend.work());
    at.guest({ ...volume, status: 'available' }, 'read -P 0 0 64k');
    expect(at.backend.temps()).toEqual([]);
  });
});
