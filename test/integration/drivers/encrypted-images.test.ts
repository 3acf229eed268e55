import { randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/domain/rows.ts';
import type { DriverWork, ImageAbility, Passage } from '../../../src/drivers/volume-driver.ts';
import { ConversionFolder } from '../../../src/images/conversion-folder.ts';
import type { ImageMeta, ImageService, ImageTarget, LocalImage } from '../../../src/images/image-service.ts';
import { ImageWorkshop } from '../../../src/images/image-workshop.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { leaveOut } from '../../support/programs.ts';
import { localExec } from './local-exec.ts';
import { encryptedBackend, type EncryptedBackend } from './encrypted-backend.ts';
import { infoOf, inImage, makeLuks } from './encrypted-image.ts';
import { helperIsElsewhere, longTestMs } from './helper-machine.ts';

const gib = 1024 ** 3;
const caller = { auth_token: null, request_id: 'req-1', global_request_id: null };
const never = (): never => {
  throw new Error('not asked for');
};
/** As in `FolderBackend`, where the whole file is LUKS. */
const cipher = { cipherAlg: 'aes-256', cipherMode: 'xts', ivgenAlg: 'plain64,iter-time=10' };

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('an encrypted volume', { timeout: longTestMs }, () => {
  let at: EncryptedBackend;
  let ability: ImageAbility;
  let folder: string;
  let content: Buffer | string;
  let workshop: ImageWorkshop;
  beforeAll(async () => {
    at = await encryptedBackend();
    ability = at.backend.driver.image ?? never();
    folder = join(at.backend.dir, '..', 'images');
    mkdirSync(folder);
    const living = (): Promise<ReadonlySet<string>> => Promise.resolve(new Set());
    const conversion = { root: folder, incarnation: randomUUID(), living, log: silentLogger };
    workshop = new ImageWorkshop({
      ...{ service, folder: new ConversionFolder(conversion), exec: localExec, log: silentLogger },
      options: {
        ...{ verifyGlanceSignatures: 'enabled', imageConversionDisable: false, imageCompressOnUpload: true },
        ...{ imageConversionCpuLimitMs: 60_000, imageConversionAddressSpaceLimitGb: 1, vmdkAllowedTypes: [] },
        allowCompressionOnImageUpload: false,
      },
    });
  });
  afterAll(() => at.backend.stop());

  const service: ImageService = {
    ...{ show: never, upload: never, remove: never },
    download: (_caller, _image, open) =>
      pipeline(typeof content === 'string' ? createReadStream(content) : Readable.from(content), open()),
  };

  const imageOf = (changes: Partial<ImageMeta> = {}): ImageMeta => ({
    ...{ id: randomUUID(), name: 'i', status: 'active', owner: 'p', diskFormat: 'raw', containerFormat: 'bare' },
    ...{ sizeBytes: 2 ** 20, virtualBytes: null, minDiskGb: 0, minRamMb: 0, updatedAt: '', md5: null, hash: null },
    ...{ properties: {}, ...changes },
  });
  const encryptedImage = (): ImageMeta => imageOf({ properties: { cinder_encryption_key_id: randomUUID() } });

  function fetched(image: ImageMeta, volume: Volume, changes: Partial<ImageTarget> = {}): Promise<LocalImage> {
    const target = { volumeId: volume.id, sizeGb: 1, format: 'raw', isEncrypted: true, ...changes } as const;
    return workshop.fetch(caller, image, target, at.backend.work());
  }

  /** What the volume is uploaded as. */
  async function uploaded(volume: Volume): Promise<string> {
    const path = join(folder, `${volume.id}.out`);
    const passphrase = (): Promise<string> => Promise.resolve(at.passphraseOf(volume));
    const work = at.backend.work({ encryption: { passphrase, cipher: () => Promise.resolve(cipher) } });
    await ability.read(volume, { path, format: 'raw', compress: false }, work);
    return path;
  }

  it('is made from an image that is not, which it shows then', async () => {
    content = Buffer.alloc(2 ** 20, 5);
    const volume = at.volume({ status: 'downloading' });
    const update = await ability.write(volume, await fetched(imageOf(), volume), at.backend.work());
    expect(update).toEqual({ adminMetadata: { format: 'qcow2' } });
    expect(infoOf(at.path(volume))).toMatchObject({ format: 'qcow2', encrypted: true, 'virtual-size': gib });
    at.guest(volume, 'read -P 5 0 1M');
    at.guest(volume, 'read -P 0 1M 1M');
    expect(readFileSync(at.path(volume)).includes(Buffer.alloc(64, 5))).toBe(false);
  });

  it('becomes an image that is LUKS as a whole, and comes back from it, snapshots included', async () => {
    const volume = await at.available();
    at.guest(volume, 'write -P 1 0 64k');
    await at.backend.snapshot(volume);
    at.guest(volume, 'write -P 2 64k 64k');
    content = await uploaded(volume);
    const asImage = { path: content, format: 'luks', passphrase: at.passphraseOf(volume) } as const;
    inImage(asImage, 'read -P 1 0 64k');
    inImage(asImage, 'read -P 2 64k 64k');
    const copy = at.volume({ status: 'downloading' });
    at.backend.passphrases.set(copy.encryption_key_id ?? '', at.passphraseOf(volume));
    const local = await fetched(encryptedImage(), copy);
    expect(local).toMatchObject({ format: 'luks', virtualBytes: gib });
    await ability.write(copy, local, at.backend.work());
    at.guest(copy, 'read -P 2 64k 64k');
    const raw = { path: join(folder, 'out'), format: 'qcow2', compress: false };
    await expect(ability.read(volume, raw, at.backend.work())).rejects.toThrow('uploaded as raw only');
  });

  /** As Python makes it, with something at its beginning. */
  function wholeLuks(): Volume {
    const volume = at.volume({ status: 'available' });
    const whole = { path: at.path(volume), format: 'luks', passphrase: at.passphraseOf(volume) } as const;
    makeLuks(whole, gib);
    inImage(whole, 'write -P 3 0 64k');
    return volume;
  }

  it('whose file is LUKS as a whole, as Python makes it, is read, cloned and extended, but not snapshotted', async () => {
    const volume = wholeLuks();
    const { info } = await at.backend.driver.connection.connect(volume, {}, at.backend.work());
    expect(info.data).toMatchObject({ format: 'raw' });
    await expect(at.backend.snapshot(volume)).rejects.toThrow('encrypted as a whole file');
    const copy = await at.clone(at.volume(), { kind: 'volume', volume });
    at.guest(copy, 'read -P 3 0 64k');
    expect(infoOf(at.path(copy))['format']).toBe('qcow2');
    await at.backend.extend(volume, 2);
    expect(infoOf(at.path(volume))).toMatchObject({ format: 'luks', 'virtual-size': 2 * gib });
  });

  // What lies beyond the old end decrypts to noise: in an emulated machine the copy of a GiB of it takes minutes.
  it.skipIf(helperIsElsewhere)('whose file is LUKS as a whole is cloned when it has grown, too', async () => {
    const volume = wholeLuks();
    await at.backend.extend(volume, 2);
    const copy = await at.clone(at.volume({ size: 2 }), { kind: 'volume', volume: { ...volume, size: 2 } });
    at.guest(copy, 'read -P 3 0 64k');
    expect(infoOf(at.path(copy))).toMatchObject({ format: 'qcow2', 'virtual-size': 2 * gib });
  });

  it.each<[string, RegExp, (whole: Buffer) => void]>([
    ['is not', /no LUKS header/, (whole) => whole.fill(0, 0, 8)],
    ['is LUKS 2', /LUKS 2/, (whole) => whole.writeUInt16BE(2, 6)],
    ['leads beyond its end', /beyond its end/, (whole) => whole.writeUInt32BE(2 ** 31, 104)],
    ['computes for ever', /too much computing/, (whole) => whole.writeUInt32BE(2 ** 32 - 1, 212)],
    ['computes for ever at its end', /too much computing/, (whole) => whole.writeUInt32BE(2 ** 32 - 1, 164)],
  ])('is not made from an image that is said to be encrypted and %s', async (_what, why, spoil) => {
    const head = Buffer.from(luksHead);
    spoil(head);
    content = head;
    await expect(fetched(encryptedImage(), at.volume())).rejects.toThrow(why);
  });

  it('alone is made from an encrypted image, of a file that can be one', async () => {
    content = Buffer.from(luksHead);
    await expect(fetched(encryptedImage(), at.volume(), { isEncrypted: false })).rejects.toThrow('type is not');
    const qcow2 = { ...encryptedImage(), diskFormat: 'qcow2' };
    await expect(fetched(qcow2, at.volume())).rejects.toThrow('not raw in bare');
  });

  it('migrates byte for byte, and nobody has to know its key', async () => {
    const volume = await at.available();
    at.guest(volume, 'write -P 4 0 64k');
    const target = { ...at.volume({ encryption_key_id: volume.encryption_key_id }), status: 'available' };
    await at.backend.driver.create({ ...target, status: 'creating' }, at.backend.work());
    const data = { export: at.backend.location, name: `volume-${target.id}`, format: 'qcow2', options: null };
    const passage: Passage = { volume, target, connection: { driver_volume_type: 'nfs', data } };
    const withoutKey: Partial<DriverWork> = { encryption: undefined as never };
    for (const _once of [1, 2]) await at.backend.driver.migration.copy(passage, false, at.backend.work(withoutKey));
    at.guest(target, 'read -P 4 0 64k');
    const raw: Passage = { ...passage, connection: { driver_volume_type: 'nfs', data: { ...data, format: 'raw' } } };
    await expect(at.backend.driver.migration.copy(raw, false, at.backend.work())).rejects.toThrow('target is raw');
  });
});

/** A LUKS 1 header with one slot in use, as far as it is inspected, and room for what it leads to. */
const luksHead = ((): Buffer => {
  const head = Buffer.alloc(4 * 2 ** 20);
  head.write('LUKS\xba\xbe\0\x01', 0, 'latin1');
  head.writeUInt32BE(4040, 104);
  head.writeUInt32BE(1000, 164);
  head.writeUInt32BE(0x00ac71f3, 208);
  head.writeUInt32BE(1000, 212);
  return head;
})();
