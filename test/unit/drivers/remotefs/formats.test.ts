import { describe, expect, it } from 'vitest';
import {
  formatInfoFile,
  parseInfoFile,
  withoutSnapshot,
  withSnapshot,
} from '../../../../src/drivers/remotefs/info-file.ts';
import { mountPointName, parseSharesFile } from '../../../../src/drivers/remotefs/shares.ts';
import { backingName } from '../../../../src/drivers/remotefs/volume-names.ts';

describe('the .info file', () => {
  const info = {
    active: 'volume-a.s2',
    snapshots: new Map([
      ['s2', 'volume-a.s2'],
      ['s1', 'volume-a.s1'],
    ]),
  };
  // As Python writes it: json.dump(info, file, indent=1, sort_keys=True).
  const golden = '{\n "active": "volume-a.s2",\n "s1": "volume-a.s1",\n "s2": "volume-a.s2"\n}';

  it('is byte for byte what Python writes, and read back', () => {
    expect(formatInfoFile(info)).toBe(golden);
    expect(parseInfoFile(golden, 'f')).toEqual(info);
  });

  it.each([
    ['', 'is empty'],
    ['{"active": "vol', 'torn'],
    ['[]', 'no JSON object'],
    ['{"s1": "volume-a"}', 'no active file'],
    ['{"active": "../x"}', 'names no file'],
    ['{"active": 1}', 'names no file'],
  ])('names the file where it holds %j', (text, problem) => {
    expect(() => parseInfoFile(text, 'volume-a.info')).toThrow(new RegExp(`volume-a\\.info.*${problem}`));
  });

  it('gains and loses a snapshot', () => {
    expect(withSnapshot(info, 's3', 'volume-a.s3').active).toBe('volume-a.s3');
    expect([...withoutSnapshot(info, 's1').snapshots.keys()]).toEqual(['s2']);
    expect(withoutSnapshot(info, 's2', 'volume-a.s1').active).toBe('volume-a.s1');
  });
});

describe('the shares file', () => {
  it('is read as upstream reads it', () => {
    const text = '# no\n\nhost:/a\nhost:/b -o vers=3 \nhost:/with\\040space\n #host:/c\nnonsense\nhost:/a vers=4\n';
    expect(parseSharesFile(text)).toEqual({
      shares: [
        { location: 'host:/a', options: 'vers=4' },
        { location: 'host:/b', options: '-o vers=3' },
        { location: 'host:/with space', options: null },
      ],
      ignored: [' #host:/c', 'nonsense'],
    });
  });

  it('names mount points as os-brick does', () => {
    expect(mountPointName('127.0.0.1:/srv/nfs')).toMatch(/^[0-9a-f]{32}$/);
    expect(mountPointName('host:/a')).not.toBe(mountPointName('host:/a/'));
    // echo -n host:/a | md5sum
    expect(mountPointName('host:/a')).toBe('a122522c5eed269832487a807a3699b7');
  });
});

describe('a backing file entry', () => {
  const base = 'volume-a1';
  it.each([
    ['volume-a1', 'volume-a1'],
    ['volume-a1.0f-3', 'volume-a1.0f-3'],
    ['/mnt/0123abcd/volume-a1.0f', 'volume-a1.0f'],
    ['volume-a1.tmp-snap-0f', 'volume-a1.tmp-snap-0f'],
    ['/etc/shadow', undefined],
    ['volume-a12', undefined],
    ['sub/volume-a1', undefined],
    ['volume-a1.info', undefined],
    ['json:{"driver":"file"}', undefined],
    ['nbd://host/volume-a1', undefined],
  ])('%s', (entry, name) => {
    expect(backingName(entry, base)).toBe(name);
  });
});
