import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import type { DriverWork, Mending, UpkeepAbility } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';

const mib = 1024 ** 2;

/** A volume with two snapshots; 1 was written before the first, 2 before the second, 3 after it. */
interface Scene {
  readonly volume: Volume;
  readonly snapshots: readonly [Snapshot, Snapshot];
  readonly info: string;
  /** Of its `.info`, and its text as the driver wrote it. */
  readonly text: string;
}

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('upkeep', () => {
  let backend: FolderBackend;
  let upkeep: UpkeepAbility;
  beforeAll(async () => {
    backend = await FolderBackend.start();
    const { upkeep: ability } = backend.driver;
    if (ability === undefined) throw new Error('no upkeep');
    upkeep = ability;
  });
  afterAll(() => backend.stop());

  async function scene(): Promise<Scene> {
    const volume = await backend.available();
    const snap = async (byte: number): Promise<Snapshot> => {
      backend.write(volume, byte * mib, 65536, byte);
      return backend.snapshot(volume);
    };
    const snapshots = [await snap(1), await snap(2)] as const;
    backend.write(volume, 3 * mib, 65536, 3);
    const info = backend.path(`volume-${volume.id}.info`);
    return { volume, snapshots, info, text: readFileSync(info, 'utf8') };
  }

  const mend = (volume: Volume, hooks: Partial<DriverWork> = {}): Promise<readonly Mending[]> =>
    upkeep.mend(volume, backend.work(hooks));

  const doneOf = (found: readonly Mending[]): readonly boolean[] => found.map(({ done }) => done);

  const damages: readonly (readonly [string, (scene: Scene) => void])[] = [
    ['is missing', ({ info }) => rmSync(info)],
    ['is empty', ({ info }) => writeFileSync(info, '')],
    ['is torn', ({ info, text }) => writeFileSync(info, text.slice(0, 60))],
    ['names no active file', ({ info }) => writeFileSync(info, '{}')],
    [
      'lacks a snapshot',
      ({ info, text, snapshots: [first] }) =>
        writeFileSync(info, JSON.stringify({ ...(JSON.parse(text) as object), [first.id]: undefined })),
    ],
  ];

  it.each(damages)('writes an .info that %s as the chain has it, once', async (_, damage) => {
    const made = await scene();
    damage(made);
    expect(doneOf(await mend(made.volume))).toEqual([true]);
    expect(readFileSync(made.info, 'utf8')).toBe(made.text);
    expect(await mend(made.volume)).toEqual([]);
    // And the volume works again.
    await backend.removeSnapshot(made.snapshots[0], made.volume);
    const active = backend.active(made.volume);
    for (const byte of [1, 2, 3]) backend.expectBytes(active, 'qcow2', byte * mib, 65536, byte);
  });

  it('writes it of a volume without snapshots', async () => {
    const volume = await backend.available();
    writeFileSync(backend.path(`volume-${volume.id}.info`), '{"active": "vol');
    expect(doneOf(await mend(volume))).toEqual([true]);
    expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
  });

  const doubts: readonly (readonly [string, string, (scene: Scene) => void])[] = [
    [
      'a file that no snapshot is called after',
      'called after no snapshot',
      ({ snapshots: [first] }) => void backend.rows.delete(first.id),
    ],
    [
      'a snapshot without a file of its name',
      'has no file of its name',
      ({ volume }) => void backend.rows.set('x', { ...backend.snapshotRow(volume), status: 'available' }),
    ],
    [
      'two files on one',
      'in one line',
      ({ volume, snapshots: [first] }) => {
        const name = `volume-${volume.id}.${randomUUID()}`;
        const backing = ['-u', '-b', `volume-${volume.id}.${first.id}`, '-F', 'qcow2'];
        execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, backend.path(name), '1G']);
      },
    ],
    [
      'no base',
      'is missing',
      ({ volume }) => renameSync(backend.path(`volume-${volume.id}`), backend.path(randomUUID())),
    ],
    [
      'a link out of the volume',
      'backing file',
      ({ volume, snapshots: [, last] }) => {
        const path = backend.path(`volume-${volume.id}.${last.id}`);
        execFileSync('qemu-img', ['rebase', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', path]);
      },
    ],
  ];

  it.each(doubts)('guesses nothing where there is %s', async (_, why, change) => {
    const made = await scene();
    change(made);
    rmSync(made.info);
    const before = backend.files();
    const found = await mend(made.volume);
    expect(doneOf(found)).toEqual([false]);
    expect(found[0]?.what.toLowerCase()).toContain(why);
    expect(backend.files()).toEqual(before);
  });

  it('leaves an .info that says otherwise than the files, and the chain of a volume that is not at rest', async () => {
    const made = await scene();
    const [first] = made.snapshots;
    const stale = JSON.stringify({ active: `volume-${made.volume.id}.${first.id}` });
    writeFileSync(made.info, stale);
    expect(doneOf(await mend(made.volume))).toEqual([false]);
    expect(readFileSync(made.info, 'utf8')).toBe(stale);
    writeFileSync(made.info, '');
    for (const state of [{ attach_status: 'attached', status: 'in-use' }, { status: 'deleting' }]) {
      expect(doneOf(await mend({ ...made.volume, ...state }))).toEqual([false]);
    }
    expect(readFileSync(made.info, 'utf8')).toBe('');
  });

  function overlay(volume: Volume, id: string = randomUUID()): string {
    const name = `volume-${volume.id}.${id}`;
    const backing = ['-b', `volume-${volume.id}`, '-F', 'raw'];
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, name, '1G'], { cwd: backend.dir });
    return name;
  }

  it('removes an overlay that holds nothing and that nothing knows of, and no other', async () => {
    const volume = await backend.available();
    const [empty, full] = [overlay(volume), overlay(volume)];
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -z 0 65536', backend.path(full)]);
    const ofRow = overlay(volume, backend.snapshotRow(volume).id);
    const found = await mend(volume);
    expect(found.map(({ file, done }) => [file, done])).toContainEqual([backend.path(empty), true]);
    expect(found.map(({ file, done }) => [file, done])).toContainEqual([backend.path(full), false]);
    expect(found).toHaveLength(2);
    expect(backend.files()).not.toContain(empty);
    expect(backend.files()).toEqual(expect.arrayContaining([full, ofRow]));
  });

  it('removes overlays from above, and none of an attached volume', async () => {
    const volume = await backend.available();
    const below = overlay(volume);
    const above = `volume-${volume.id}.${randomUUID()}`;
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', below, '-F', 'qcow2', above, '1G'], {
      cwd: backend.dir,
    });
    expect(doneOf(await mend({ ...volume, attach_status: 'attached', status: 'in-use' }))).toEqual([false]);
    expect(backend.files()).toEqual(expect.arrayContaining([below, above]));
    expect((await mend(volume)).map(({ file }) => file)).toEqual([backend.path(above), backend.path(below)]);
    expect(await mend(volume)).toEqual([]);
  });

  it('removes what was left unfinished, of this volume only', async () => {
    const [volume, other] = [await backend.available(), await backend.available()];
    const temp = (of: Volume): string => `volume-${of.id}~t1ab~info`;
    for (const of of [volume, other]) writeFileSync(backend.path(`.cinder-volume-aa/${temp(of)}`), 'half');
    expect(await mend(volume)).toMatchObject([{ done: true }]);
    expect(backend.temps()).toEqual([temp(other)]);
    const place = { provider_location: backend.location, nameId: other.id };
    expect(await upkeep.clear(place, backend.work())).toMatchObject([{ done: true }]);
    expect(backend.temps()).toEqual([]);
  });

  it('removes the .info of a volume that is gone, unless a file is left of it', async () => {
    const place = { provider_location: backend.location, nameId: randomUUID() };
    const base = `volume-${place.nameId}`;
    writeFileSync(backend.path(`${base}.info`), JSON.stringify({ active: base }));
    writeFileSync(backend.path(base), 'data');
    expect(doneOf(await upkeep.clear(place, backend.work()))).toEqual([false]);
    rmSync(backend.path(base));
    expect(doneOf(await upkeep.clear(place, backend.work()))).toEqual([true]);
    expect(backend.files()).not.toContain(`${base}.info`);
    expect(await upkeep.clear(place, backend.work())).toEqual([]);
  });

  it.each(['unfinished-files', 'snapshot-info', 'empty-overlay'])('ends whole after it died at %s', async (point) => {
    const made = await scene();
    const damage = async (): Promise<void> => {
      writeFileSync(backend.path(`.cinder-volume-aa/volume-${made.volume.id}~t1ab~info`), 'half');
      rmSync(made.info);
      await Promise.resolve();
    };
    await damage();
    if (point === 'empty-overlay') {
      await mend(made.volume);
      overlay(made.volume);
    }
    const dies = (name: string): Promise<void> =>
      name === point ? Promise.reject(new Error('died')) : Promise.resolve();
    await expect(mend(made.volume, { commitPoint: dies })).rejects.toThrow('died');
    await mend(made.volume);
    expect(readFileSync(made.info, 'utf8')).toBe(made.text);
    expect(backend.temps()).toEqual([]);
    expect(backend.files().filter((name) => name.includes(made.volume.id))).toHaveLength(4);
    expect(await mend(made.volume)).toEqual([]);
  });
});
