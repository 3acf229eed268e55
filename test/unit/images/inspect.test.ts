import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectImage } from '../../../src/images/inspect/inspect-image.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { descriptor, put, qcow2, raw, vhd, vmdk } from './images.ts';

const rules = { vmdkAllowedTypes: ['streamOptimized', 'monolithicSparse'] };

describe('inspectImage', () => {
  let dir: string;
  let count = 0;
  beforeAll(async () => {
    dir = await makeTempDir();
  });
  afterAll(() => removeDir(dir));

  function inspect(bytes: Buffer, claimed: string, given = rules): Promise<string> {
    const path = join(dir, String((count += 1)));
    writeFileSync(path, bytes);
    return inspectImage(path, claimed, given);
  }

  test.each([
    ['raw', raw(), 'raw'],
    ['iso', put(raw(65536), 0x8001, 'CD001'), 'raw'],
    ['ami', raw(), 'raw'],
    ['ami', qcow2(), 'qcow2'],
    ['qcow2', qcow2(), 'qcow2'],
    ['qcow2', qcow2({ version: 2 }), 'qcow2'],
    ['vmdk', vmdk(), 'vmdk'],
    ['vmdk', vmdk(descriptor({ type: 'streamOptimized' })), 'vmdk'],
    ['vhd', vhd(3, 'both'), 'vpc'],
    ['vhd', vhd(2, 'end'), 'vpc'],
    ['vdi', put(raw(), 0x40, '\x7f\x10\xda\xbe'), 'vdi'],
    ['vhdx', put(raw(), 0, 'vhdxfile'), 'vhdx'],
    ['ploop', put(raw(), 0, 'WithouFreSpacExt'), 'parallels'],
    ['raw', put(raw(), 0, 'LUKS\xba\xbe'), 'raw'],
    ['raw', raw(1), 'raw'],
    ['raw', raw(0), 'raw'],
  ])('takes %s (%#)', async (claimed, bytes, format) => {
    expect(await inspect(bytes, claimed)).toBe(format);
  });

  test.each([
    ['a backing file', qcow2({ backingFile: '/etc/shadow' }), /backing file/],
    ['a backing file of version 2', qcow2({ version: 2, backingFile: '/etc/shadow' }), /backing file/],
    ['a backing file without a name', put(qcow2(), 8, '\0\0\0\0\0\0\x02\0'), /backing file/],
    ['a backing file beyond the header', put(qcow2({ backingFile: 'x' }), 8, '\0\0\x01\0\0\0\0\0'), /reaches beyond/],
    ['a data file by its feature bit', qcow2({ features: 1n << 2n }), /data in another file/],
    ['a data file by its name only', qcow2({ dataFile: '/etc/shadow' }), /data in another file/],
    ['an unknown feature', qcow2({ features: 1n << 5n }), /not known/],
    ['an unknown feature far up', qcow2({ features: 1n << 63n }), /not known/],
    ['encryption', qcow2({ encrypted: true }), /encrypted/],
    ['the mark of corruption', qcow2({ features: 1n << 1n }), /corrupt/],
    ['an unknown version', put(qcow2(), 4, '\0\0\0\x09'), /version 9/],
    ['a cut-off header', qcow2().subarray(0, 60), /cut off/],
    ['a header cut off before its extensions', qcow2().subarray(0, 80), /reaches beyond/],
    [
      'an extension that is longer than the file',
      put(qcow2({ dataFile: 'x' }), 108, '\xff\xff\xff\xff'),
      /reaches beyond/,
    ],
    ['a header length of 4 GiB', put(qcow2({ dataFile: 'x' }), 100, '\xff\xff\xff\xff'), /length/],
    ['a size that no number holds', qcow2({ size: (1n << 63n) + 1n }), /impossible/],
  ])('refuses a qcow2 image with %s', async (_what, bytes, reason) => {
    await expect(inspect(bytes, 'qcow2')).rejects.toThrow(reason);
  });

  test.each([
    ['raw', qcow2()],
    ['raw', qcow2({ backingFile: '/etc/shadow' })],
    ['raw', vmdk()],
    ['raw', vhd(3, 'both')],
    ['raw', put(raw(), 0, 'QED\0')],
    ['iso', qcow2()],
    ['ami', vmdk()],
    ['ami', put(raw(), 0, 'QED\0')],
    ['qcow2', raw()],
    ['qcow2', raw(0)],
    ['qcow2', vmdk()],
    ['vmdk', qcow2()],
    ['vmdk', raw()],
    ['vhd', raw()],
    ['vhdx', vhd(3, 'both')],
    ['raw', put(raw(), 0, '# Disk DescriptorFile\nversion=1\n')],
    ['vmdk', put(raw(), 0, '# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/shadow" 0\n')],
    ['raw', put(raw(), 0, '  \n# a comment\n# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0\n')],
    ['raw', put(raw(4096), 4096 - 512, 'koly')],
  ])('refuses what is no %s (%#)', async (claimed, bytes) => {
    await expect(inspect(bytes, claimed)).rejects.toThrow('looks different');
  });

  test('refuses qcow of version 1, whatever it is said to be', async () => {
    const bytes = put(qcow2({ backingFile: '/etc/shadow' }), 4, '\0\0\0\x01');
    for (const claimed of ['raw', 'qcow2', 'ami'])
      await expect(inspect(bytes, claimed)).rejects.toThrow('looks different');
  });

  test.each(['aki2', 'luks', '', 'toString', '__proto__'])('refuses the format "%s"', async (claimed) => {
    await expect(inspect(raw(), claimed)).rejects.toThrow('not supported');
  });

  test.each([
    ['a flat extent', descriptor({ extents: ['RW 20480 FLAT "/etc/shadow" 0'] }), /other files/],
    [
      'a flat extent in monolithicFlat',
      descriptor({ type: 'monolithicFlat', extents: ['RW 1 FLAT "x" 0'] }),
      /createType/,
    ],
    ['a sparse extent by a path', descriptor({ extents: ['RW 1 SPARSE "/etc/shadow"'] }), /other files/],
    ['two extents', descriptor({ extents: ['RW 1 SPARSE "a"', 'RW 1 SPARSE "b"'] }), /one extent/],
    [
      'a second, flat extent in small letters',
      descriptor({ extents: ['RW 1 SPARSE "a"', 'rw 1 flat "b" 0'] }),
      /one extent/,
    ],
    ['no extent', descriptor({ extents: [] }), /one extent/],
    ['a parent', descriptor({ more: ['parentFileNameHint="/etc/shadow"'] }), /parent/],
    ['a parent by its id', descriptor({ parent: '12345678' }), /parent/],
    ['no createType', descriptor({ type: null }), /names no createType/],
    ['two createTypes', descriptor({ more: ['createType="monolithicSparse"'] }), /createType/],
    ['a line of another kind', descriptor({ more: ['/etc/shadow'] }), /not understood/],
    ['signs that are no text', descriptor({ more: ['a="\u00ff"'] }), /no text/],
  ])('refuses a vmdk image with %s', async (_what, text, reason) => {
    await expect(inspect(vmdk(text), 'vmdk')).rejects.toThrow(reason);
  });

  test('refuses a vmdk image with a footer, a moved, a missing, a huge or a cut-off descriptor', async () => {
    const eight = (value: bigint): string => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      return bytes.toString('latin1');
    };
    await expect(inspect(put(vmdk(), 56, '\xff'.repeat(8)), 'vmdk')).rejects.toThrow('footer');
    await expect(inspect(put(vmdk(), 28, eight(2n)), 'vmdk')).rejects.toThrow('not where it must be');
    await expect(inspect(put(vmdk(), 36, eight(0n)), 'vmdk')).rejects.toThrow('not where it must be');
    await expect(inspect(put(vmdk(), 36, eight((1n << 64n) - 1n)), 'vmdk')).rejects.toThrow('too long');
    await expect(inspect(put(vmdk(), 36, eight(2000n)), 'vmdk')).rejects.toThrow('cut off');
    await expect(inspect(vmdk().subarray(0, 100), 'vmdk')).rejects.toThrow('cut off');
    await expect(inspect(put(vmdk(), 0, 'COWD'), 'vmdk')).rejects.toThrow('unknown kind');
  });

  test('takes the subformats that vmdk_allowed_types names, and no others', async () => {
    await expect(inspect(vmdk(), 'vmdk', { vmdkAllowedTypes: [] })).rejects.toThrow('allows none');
    await expect(inspect(vmdk(), 'vmdk', { vmdkAllowedTypes: ['streamOptimized'] })).rejects.toThrow('createType');
  });

  test('refuses a vhd image that has a parent', async () => {
    await expect(inspect(vhd(4, 'both'), 'vhd')).rejects.toThrow('parent');
    await expect(inspect(vhd(4, 'end'), 'vhd')).rejects.toThrow('parent');
  });

  test('reads regular files only', async () => {
    await expect(inspectImage('/dev/zero', 'raw', rules)).rejects.toThrow('regular file');
  });
});
