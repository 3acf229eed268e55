import { describe, expect, it } from 'vitest';
import { fileSystemKind } from '../../../src/coordination/drivers/file-system-kind.ts';
import { redisKeys } from '../../../src/coordination/drivers/redis-scripts.ts';
import { contenders } from '../../../src/coordination/drivers/zookeeper-contender.ts';
import { accessList } from '../../../src/coordination/drivers/zookeeper-session.ts';
import { ProofCell } from '../../../src/coordination/proof-cell.ts';

describe('names that are shared with Python', () => {
  it('Redis keys: Tooz before 9, from 9 on, and both, the old one first', () => {
    const keys = (keyForm: 'old' | 'new' | 'both') => redisKeys({ namespace: '_tooz', keyForm }, 'cinder-nfs-1');
    expect(keys('old')).toEqual(["b'_tooz'_b'cinder-nfs-1'_lock"]);
    expect(keys('new')).toEqual(['_tooz_cinder-nfs-1_lock']);
    expect(keys('both')).toEqual(["b'_tooz'_b'cinder-nfs-1'_lock", '_tooz_cinder-nfs-1_lock']);
  });

  it('ZooKeeper contenders: by sequence, whatever the prefix, and only kazoo’s', () => {
    const children = ['ffff__lock__0000000002', '0000__lock__0000000010', 'aaaa__lock__0000000001', 'x', 'y__lock__12'];
    expect(contenders(children).map(({ sequence }) => sequence)).toEqual(['0000000001', '0000000002', '0000000010']);
  });

  it('ZooKeeper access lists', () => {
    expect(accessList(undefined, String)).toMatchObject([{ permission: 31, id: { scheme: 'world', id: 'anyone' } }]);
    expect(accessList('u:p:q', (text) => `<${text}>`)).toMatchObject([
      { permission: 31, id: { scheme: 'digest', id: 'u:<u:p:q>' } },
    ]);
  });
});

describe('file systems', () => {
  it.each([
    [0xef53, 'ext', true, 'host'],
    [0x6969, 'nfs', false, 'cluster'],
    [0xff534d42 | 0, 'cifs', false, 'cluster'],
    [0x65735546, 'fuse', false, 'host'],
    [0x1234, 'file system 0x1234', false, 'host'],
  ])('%i', (type, name, local, scope) => {
    expect(fileSystemKind(type)).toEqual({ name, local, scope });
  });
});

describe('a proof cell', () => {
  it('is read through its buffer', () => {
    const cell = new ProofCell();
    const reader = new ProofCell(cell.buffer);
    cell.extend(1234.5678);
    expect(reader.untilMs()).toBe(1234.567);
    cell.extend(Infinity);
    expect(reader.untilMs()).toBe(Infinity);
  });

  it('takes nothing back, and stays ended', () => {
    const cell = new ProofCell();
    cell.extend(2000);
    cell.extend(1000);
    expect(cell.untilMs()).toBe(2000);
    cell.end();
    cell.extend(3000);
    expect(cell.untilMs()).toBe(-Infinity);
  });
});
