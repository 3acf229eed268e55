import { describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import type { ImageFile } from '../../../src/check/image-file.ts';
import type { ShareContent } from '../../../src/check/share-content.ts';
import { summaryOf, verify, type Evidence } from '../../../src/check/verify.ts';

const gib = 2 ** 30;
const volume = (id: string, more: Partial<Volume> = {}): Volume =>
  ({ id, _name_id: null, size: 1, status: 'available', provider_location: 'demo:/share', ...more }) as Volume;
const snapshot = (id: string, volumeId: string, more: Partial<Snapshot> = {}): Snapshot =>
  ({ id, volume_id: volumeId, status: 'available', volume_size: 1, ...more }) as Snapshot;
const raw = (sizeGb = 1): ImageFile => ({ format: 'raw', virtualSize: sizeGb * gib, backing: null });
const delta = (backing: string): ImageFile => ({ format: 'qcow2', virtualSize: gib, backing });

interface Files {
  readonly images?: Record<string, ImageFile>;
  readonly infos?: Record<string, Record<string, string>>;
  readonly others?: readonly string[];
}

const share = ({ images = {}, infos = {}, others = [] }: Files): ShareContent => ({
  location: 'demo:/share',
  folder: '/share',
  images: new Map(Object.entries(images)),
  infos: new Map(Object.entries(infos)),
  others,
});

const evidence = (rows: Partial<Evidence>, files: Files = {}): Evidence => ({
  volumes: [],
  snapshots: [],
  shares: [share(files)],
  volumeName: (id) => `volume-${id}`,
  unfinished: [],
  workers: [],
  quota: {},
  snapshotsUseGigabytes: true,
  ...rows,
});

const chain: Files = {
  images: { 'volume-a': raw(), 'volume-a.s1': delta('volume-a'), 'volume-a.s2': delta('volume-a.s1') },
  infos: { 'volume-a': { active: 'volume-a.s2', s1: 'volume-a.s1', s2: 'volume-a.s2' } },
};
const chained = { volumes: [volume('a')], snapshots: [snapshot('s1', 'a'), snapshot('s2', 'a')] };

describe('verify', () => {
  it('is content with a chain whose base Nova has merged into the file above', () => {
    const merged = { images: { 'volume-a.s1': { ...raw(), format: 'qcow2' as const } } };
    const infos = { 'volume-a': { active: 'volume-a.s1' } };
    expect(verify(evidence({ volumes: [volume('a', { status: 'in-use' })] }, { ...merged, infos }))).toEqual([]);
  });

  it('leaves alone what is under way while services are at work, and no longer', () => {
    const rows = { volumes: [volume('a', { status: 'deleting' })], snapshots: [snapshot('s1', 'a')] };
    const files = { images: { 'volume-a.s1': delta('volume-a') }, infos: { 'volume-a': { active: 'volume-a.s1' } } };
    expect(verify(evidence({ ...rows, live: true }, files))).toEqual([]);
    expect(verify(evidence(rows, files)).map(({ kind }) => kind)).toContain('stuck');
  });

  it('is content with what agrees', () => {
    const quota = { volumes: 1, snapshots: 2, gigabytes: 3 };
    expect(verify(evidence({ ...chained, quota }, chain))).toEqual([]);
    expect(summaryOf([])).toBe('0 lost, 0 stuck, 0 left over');
    expect(verify(evidence({}))).toEqual([]);
    // After its last snapshot a volume keeps its .info file.
    const bare = { images: { 'volume-a': raw() }, infos: { 'volume-a': { active: 'volume-a' } } };
    expect(verify(evidence({ volumes: [volume('a')] }, bare))).toEqual([]);
    // A migrated volume's files are called after the row that the data came from.
    const renamed = volume('b', { _name_id: 'a' });
    expect(verify(evidence({ volumes: [renamed] }, { images: { 'volume-a': raw() } }))).toEqual([]);
  });

  const without = (name: string): Files => ({
    ...chain,
    images: Object.fromEntries(Object.entries(chain.images ?? {}).filter(([file]) => file !== name)),
  });

  it.each([
    ['a base that is missing', chained, without('volume-a'), 'volume-a, which does not exist'],
    ['an active file that is missing', chained, without('volume-a.s2'), 'volume-a.s2, which does not exist'],
    ['a wrong size', { volumes: [volume('a', { size: 2 })] }, { images: { 'volume-a': raw() } }, '2 GiB in its row'],
    ['a failed row', { volumes: [volume('a', { status: 'error' })] }, {}, 'is error'],
    ['a snapshot without an entry', { ...chained, snapshots: [snapshot('s3', 'a')] }, chain, 'is not in the .info'],
    ['an unknown share', { volumes: [volume('a', { provider_location: null })] }, {}, 'no share'],
    ['a chain in a circle', { volumes: [volume('a')] }, { images: { 'volume-a': delta('volume-a') } }, 'comes back'],
    [
      'a snapshot outside the chain',
      { volumes: [volume('a')], snapshots: [snapshot('s1', 'a')] },
      { images: { 'volume-a': raw(), 'volume-a.s1': delta('volume-a') }, infos: { 'volume-a': { s1: 'volume-a.s1' } } },
      'not in the chain',
    ],
  ])('misses %s', (_, rows, files, problem) => {
    const found = verify(evidence(rows, files));
    expect(found.filter(({ kind }) => kind === 'lost').map((one) => one.problem)).toContainEqual(
      expect.stringContaining(problem),
    );
  });

  it.each([
    ['a file of a deleted volume', { images: { 'volume-x': raw() } }],
    ['an info file of a deleted volume', { infos: { 'volume-x': { active: 'volume-x' } } }],
    ['a temporary file', { others: ['tmp-1'] }],
  ])('finds %s', (_, files) => {
    expect(verify(evidence({}, files))).toMatchObject([{ kind: 'left over', problem: 'belongs to no row' }]);
  });

  it('finds a file beside the chain, an entry without a row, and a snapshot without a volume', () => {
    const files = {
      images: { 'volume-a': raw(), 'volume-a.s1': delta('volume-a') },
      infos: { 'volume-a': { active: 'volume-a', s1: 'volume-a.s1' } },
    };
    const found = verify(evidence({ volumes: [volume('a')], snapshots: [snapshot('s9', 'gone')] }, files));
    expect(summaryOf(found)).toBe('0 lost, 0 stuck, 3 left over');
  });

  it('finds what has no end', () => {
    const found = verify(
      evidence({
        volumes: [volume('a', { status: 'deleting' }), volume('b', { status: 'creating', provider_location: null })],
        unfinished: [{ method: 'delete_volume', resourceId: 'a' }],
        workers: [{ resource_type: 'Volume', resource_id: 'a' }],
      }),
    );
    expect(summaryOf(found)).toBe('0 lost, 3 stuck, 1 left over');
  });

  it('compares the quota with the rows', () => {
    expect(summaryOf(verify(evidence({ ...chained, quota: { volumes: 0, gigabytes: 4 } }, chain)))).toBe(
      '1 lost, 0 stuck, 1 left over',
    );
    expect(verify(evidence({ ...chained, quota: { gigabytes: 1 }, snapshotsUseGigabytes: false }, chain))).toEqual([]);
  });
});
