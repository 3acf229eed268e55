import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import type { Delegation, ManageableVolume } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

const gib = 1024 ** 3;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('snapshots that were let go of', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  async function letGo(volume: Volume): Promise<Snapshot> {
    const snapshot = await backend.snapshot(volume);
    backend.rows.delete(snapshot.id);
    return snapshot;
  }

  async function take(volume: Volume, reference: Json): Promise<Snapshot> {
    const row = backend.snapshotRow(volume);
    backend.rows.delete(row.id);
    const { sizeGb } = await backend.driver.manageSnapshot.find(row, volume, reference, backend.work());
    await backend.driver.manageSnapshot.take(row, volume, reference, backend.work());
    const taken = { ...row, status: 'available', volume_size: sizeGb };
    backend.rows.set(row.id, taken);
    return taken;
  }

  const overlayOf = (volume: Volume, { id }: Snapshot): string => `volume-${volume.id}.${id}`;

  it.each<[string, (overlay: string, id: string) => Json]>([
    ['their file', (overlay) => ({ 'source-name': overlay })],
    ['share and file', (overlay) => ({ 'source-name': `${backend.location}/${overlay}` })],
    ['the name of a snapshot', (_overlay, id) => ({ 'source-name': `snapshot-${id}` })],
    ["LVM's name of a snapshot", (_overlay, id) => `_snapshot-${id}`],
    ['the id that they had', (_overlay, id) => ({ 'source-id': id })],
  ])('are taken in by %s, with their data and their size', async (_how, of) => {
    const volume = await backend.available();
    backend.write(volume, 0, 65536, 1);
    const before = await letGo(volume);
    backend.write(volume, 0, 65536, 2);
    await backend.extend(volume, 2);
    const grown = { ...volume, size: 2 };
    const taken = await take(grown, of(overlayOf(volume, before), before.id));
    expect(taken.volume_size).toBe(1);
    expect(backend.info(volume)).toEqual({
      active: overlayOf(volume, before),
      [taken.id]: overlayOf(volume, before),
    });
    const copy = backend.volume();
    await backend.driver.clone.create(copy, { kind: 'snapshot', snapshot: taken, volume: grown }, backend.work());
    backend.expectBytes(`volume-${copy.id}`, 'raw', 0, 65536, 1);
    await backend.removeSnapshot(taken, grown);
    expect(backend.files().filter((name) => name.includes(volume.id))).toHaveLength(2);
    backend.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, 2);
    await backend.driver.remove(grown, backend.work());
  });

  it('can be let go of and taken in again and again, also by the name of their file', async () => {
    const volume = await backend.available();
    const first = await letGo(volume);
    const second = await take(volume, `snapshot-${first.id}`);
    backend.rows.delete(second.id);
    const third = await take(volume, overlayOf(volume, first));
    expect(backend.info(volume)).toHaveProperty(third.id, overlayOf(volume, first));
    backend.rows.delete(third.id);
    await take(volume, { 'source-id': third.id });
  });

  it('leave no file where their deletion ends between .info and the file, which has another id', async () => {
    const volume = await backend.available();
    const before = await letGo(volume);
    const taken = await take(volume, overlayOf(volume, before));
    const words = new Map<string, string>();
    const delegation: Delegation = {
      ...{ asked: () => undefined, ask: () => Promise.resolve(), wait: (wait) => wait() },
      ...{ noteRefusal: () => Promise.resolve(), refusalOf: () => undefined },
      leaveWord: (id, word) => Promise.resolve(void words.set(id, word)),
      wordOf: (id) => words.get(id),
    };
    const dies = (point: string): Promise<void> =>
      point === 'snapshot-file' ? Promise.reject(new Error('died')) : Promise.resolve();
    const first = backend.removeSnapshot(taken, volume, backend.work({ delegation, commitPoint: dies }));
    await expect(first).rejects.toThrow('died');
    expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
    expect(backend.files()).toContain(overlayOf(volume, before));
    await backend.removeSnapshot(taken, volume, backend.work({ delegation }));
    expect(backend.files()).not.toContain(overlayOf(volume, before));
  });

  it('keep their volume from being deleted, and nothing of it is touched', async () => {
    const volume = await backend.available();
    const snapshot = await letGo(volume);
    const files = backend.files();
    const removal = backend.driver.remove({ ...volume, status: 'deleting' }, backend.work());
    await expect(removal).rejects.toMatchObject({ exception: 'VolumeIsBusy', outcome: 'not-started' });
    await expect(removal).rejects.toThrow(snapshot.id);
    expect(backend.files()).toEqual(files);
  });

  it('come back with their volume', async () => {
    const before = await backend.available();
    backend.write(before, 0, 65536, 1);
    const snapshot = await letGo(before);
    backend.write(before, 0, 65536, 2);
    const row = backend.volume({ status: 'managing', size: 1 });
    const update = await backend.driver.manage.take(row, `volume-${before.id}`, backend.work());
    const volume = { ...row, ...update, status: 'available' } as Volume;
    const taken = await take(volume, { 'source-id': snapshot.id });
    await backend.removeSnapshot(taken, volume);
    backend.expectBytes(`volume-${before.id}`, 'raw', 0, 65536, 2);
  });

  it.each<[string, RegExp, (volume: Volume, managed: Snapshot) => Json]>([
    ['is managed', /already managed/, (_volume, { id }) => `snapshot-${id}`],
    ['is not there', /no such snapshot/, () => 'snapshot-88888888-8888-4888-8888-888888888888'],
    ['is on another share', /is on/, (volume, managed) => `other:/share/${overlayOf(volume, managed)}`],
    ['is the volume itself', /no such snapshot/, (volume) => `volume-${volume.id}`],
    ['is a word of .info', /no such snapshot/, () => 'active'],
    ['is nothing', /give "source-name"/, () => null],
    ['is no id', /give "source-name"/, () => ({ 'source-id': '../x' })],
  ])('are refused where the reference %s', async (_what, reason, of) => {
    const volume = await backend.available();
    const managed = await backend.snapshot(volume);
    const info = backend.info(volume);
    await expect(take(volume, of(volume, managed))).rejects.toThrow(reason);
    expect(backend.info(volume)).toEqual(info);
  });

  it('are refused where the volume never had one', async () => {
    await expect(take(await backend.available(), 'snapshot-x')).rejects.toThrow('has no snapshots on its share');
  });
});

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('the listing of what could be taken in', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  const nameOf = ({ reference }: ManageableVolume): string =>
    reference['source-name'].slice(backend.location.length + 1);

  it('tells files, volumes and chains apart, and why something cannot be taken in', async () => {
    const managed = await backend.available({ size: 3 });
    backend.owners.push(managed);
    const kept = await backend.snapshot(managed);
    backend.rows.set(kept.id, { ...kept, volume_size: 3 });
    const lost = await backend.snapshot(managed);
    backend.rows.delete(lost.id);
    const alone = await backend.available();
    const chained = await backend.available({ size: 2 });
    const unhoused = await backend.snapshot(chained);
    backend.rows.delete(unhoused.id);
    for (const name of ['disk.img', 'my disk', '.hidden']) {
      writeFileSync(backend.path(name), 'x');
      truncateSync(backend.path(name), 1.5 * gib);
    }
    writeFileSync(backend.path('disk.img.info'), 'about the disk');
    writeFileSync(backend.path('empty'), '');
    writeFileSync(backend.path('torn'), 'QFI\xfb', 'latin1');
    symlinkSync('/etc/passwd', backend.path('link'));
    mkdirSync(backend.path('folder'));

    const volumes = await backend.driver.manage.list(backend.work());
    const found = new Map(volumes.map((one) => [nameOf(one), [one.sizeGb, one.reasonNotSafe, one.cinderId]] as const));
    expect(Object.fromEntries(found)).toEqual({
      [`volume-${managed.id}`]: [3, 'already managed', managed.id],
      [`volume-${alone.id}`]: [1, null, null],
      [`volume-${chained.id}`]: [2, null, null],
      'disk.img': [2, null, null],
      'disk.img.info': [1, null, null],
      'my disk': [null, expect.stringContaining('rename the file'), null],
      empty: [null, 'it is empty', null],
      torn: [null, expect.stringContaining('qcow'), null],
    });

    const snapshots = await backend.driver.manageSnapshot.list(backend.work());
    const share = `${backend.location}/`;
    expect(snapshots.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))).toEqual(
      [
        {
          reference: { 'source-name': `${share}volume-${managed.id}.${kept.id}` },
          sourceReference: { 'source-name': `${share}volume-${managed.id}` },
          ...{ sizeGb: 3, reasonNotSafe: 'already managed', cinderId: kept.id },
        },
        {
          reference: { 'source-name': `${share}volume-${managed.id}.${lost.id}` },
          sourceReference: { 'source-name': `${share}volume-${managed.id}` },
          ...{ sizeGb: 3, reasonNotSafe: null, cinderId: null },
        },
        {
          reference: { 'source-name': `${share}volume-${chained.id}.${unhoused.id}` },
          sourceReference: { 'source-name': `${share}volume-${chained.id}` },
          ...{ sizeGb: 2, reasonNotSafe: 'its volume is not managed', cinderId: null },
        },
      ].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    );

    const safe = volumes.filter(({ reasonNotSafe }) => reasonNotSafe === null);
    for (const { reference, sizeGb } of safe) {
      const row = backend.volume({ status: 'managing', size: 0, provider_location: null });
      const again = await backend.driver.manage.find(row, reference, backend.work());
      expect(again).toEqual({ sizeGb, provider_location: backend.location });
    }
  });

  it('leaves out an .info that somebody is just writing', async () => {
    const volume = await backend.available();
    await backend.snapshot(volume);
    writeFileSync(backend.path(`volume-${volume.id}.info`), '{"act');
    const snapshots = await backend.driver.manageSnapshot.list(backend.work());
    expect(snapshots.some((one) => nameOf(one).includes(volume.id))).toBe(false);
    const volumes = await backend.driver.manage.list(backend.work());
    const seen = volumes.find((one) => nameOf(one) === `volume-${volume.id}`);
    expect(seen?.reasonNotSafe).toContain('torn');
  });
});
