import { describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import { leftOver } from '../../../src/check/left-over.ts';
import { remedyOf, suspectsOf } from '../../../src/check/remedies.ts';

const id = (n: number): string => `0000000${n}-0000-4000-8000-000000000000`;
const backend = { name: 'nfs1', host: 'one@nfs1' };

describe('what settles a difference', () => {
  const share = {
    ...{ location: 'demo:/share', folder: '/mnt' },
    images: new Map(
      [id(1), id(9), `${id(1)}.${id(2)}`, `${id(1)}.${id(8)}`].map((name) => [
        `volume-${name}`,
        { format: 'raw' as const, virtualSize: 1, backing: null },
      ]),
    ),
    infos: new Map([[`volume-${id(9)}`, { active: 'x' }]]),
    others: [`.cinder-volume-aa/volume-${id(1)}~t1~info`, `volume-${id(1)}.info`, 'disk.img'],
  };
  const rows = {
    volumes: [{ id: id(1), _name_id: null } as Volume],
    snapshots: [{ id: id(2), volume_id: id(1) } as Snapshot],
  };
  const found = leftOver(share, new Set([`volume-${id(1)}`]), rows);

  it('is told by what a file is called', () => {
    expect(found.map(({ about: { cause, name } }) => [name, cause])).toEqual([
      [`volume-${id(9)}`, 'file of nobody'],
      [`volume-${id(1)}.${id(2)}`, 'overlay of a row'],
      [`volume-${id(1)}.${id(8)}`, 'overlay of nobody'],
      [`volume-${id(9)}.info`, 'info of nobody'],
      [`.cinder-volume-aa/volume-${id(1)}~t1~info`, 'unfinished file'],
      [`volume-${id(1)}.info`, 'torn info'],
      ['disk.img', 'stranger'],
    ]);
    expect(found.filter(({ kind }) => kind === 'lost').map(({ problem }) => problem)).toEqual(['cannot be read']);
  });

  it('names the things themselves', () => {
    const text = found.map(({ about }) => remedyOf(about, backend));
    expect(text[0]).toContain(`cinder manage one@nfs1 demo:/share/volume-${id(9)}; `);
    expect(text[0]).toContain(`rm /mnt/volume-${id(9)}`);
    expect(text[1]).toContain(`openstack volume snapshot delete ${id(2)} `);
    expect(text[4]).toContain('cinder-volume-aa fsck nfs1 --repair');
    expect(text.join('\n')).not.toMatch(/\b(BACKEND|HOST|VOLUME|SNAPSHOT|SHARE|PATH|NAME)\b/);
  });

  it('sends a repair once to each volume at which it can do something', () => {
    expect(suspectsOf(found).map(({ nameId }) => nameId)).toEqual([id(1), id(9)]);
    expect(suspectsOf([{ about: { cause: 'no entry' } }, {}])).toEqual([]);
  });
});
