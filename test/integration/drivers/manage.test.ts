import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/domain/json.ts';
import type { Volume } from '../../../src/domain/rows.ts';
import type { VolumeModelUpdate } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';
import { FolderBackend } from './folder-backend.ts';
import { openImage } from './helper-machine.ts';

const gib = 1024 ** 3;
const somebody = '99999999-9999-4999-8999-999999999999';

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('taking in files', () => {
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  /** As the operation does it: the row says what was found before it is taken. */
  async function take(reference: Json, at = backend): Promise<{ volume: Volume; update: VolumeModelUpdate }> {
    const row = at.volume({ status: 'managing', size: 0, provider_location: null });
    const found = await at.driver.manage.find(row, reference, at.work());
    const volume = { ...row, size: found.sizeGb, provider_location: found.provider_location };
    const update = await at.driver.manage.take(volume, reference, at.work());
    return { volume: { ...volume, ...update, status: 'available' }, update };
  }

  function raw(name: string, bytes: number, byte = 7): string {
    const path = backend.path(name);
    writeFileSync(path, Buffer.alloc(65536, byte));
    truncateSync(path, bytes);
    return path;
  }

  const qemuImg = (...args: string[]): string => execFileSync('qemu-img', args, { encoding: 'utf8', cwd: backend.dir });
  const refusal = (reason: RegExp): object =>
    expect.objectContaining({
      exception: 'ManageExistingInvalidReference',
      outcome: 'not-started',
      message: expect.stringMatching(reason) as string,
    }) as object;

  it.each<[string, (name: string) => Json]>([
    ['its name', (name) => ({ 'source-name': name })],
    ['a text', (name) => name],
    ['share and name', (name) => ({ 'source-name': `${backend.location}/${name}` })],
  ])(
    'takes a raw file by %s: a whole number of GiB, its data as they were, under the name of the volume',
    async (how, of) => {
      const name = `disk-${how.replaceAll(' ', '_')}.img`;
      raw(name, 1.5 * gib);
      const { volume, update } = await take(of(name));
      expect(volume).toMatchObject({ size: 2, provider_location: backend.location, _name_id: null });
      expect(update.adminMetadata).toEqual({ format: 'raw' });
      expect(backend.files()).toContain(`volume-${volume.id}`);
      expect(backend.files()).not.toContain(name);
      const { size, mode } = statSync(backend.path(`volume-${volume.id}`));
      expect([size, mode & 0o777]).toEqual([2 * gib, 0o666]);
      backend.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, 7);
      backend.expectBytes(`volume-${volume.id}`, 'raw', 2 * gib - 65536, 65536, 0);
      await backend.snapshot(volume);
    },
  );

  it('takes a qcow2 file, and what was let go of by the id that it had', async () => {
    const id = '88888888-8888-4888-8888-888888888888';
    qemuImg('create', '-q', '-f', 'qcow2', `volume-${id}`, '100M');
    const { volume, update } = await take({ 'source-id': id });
    expect(volume.size).toBe(1);
    expect(update.adminMetadata).toEqual({ format: 'qcow2' });
    expect(qemuImg('info', '-f', 'qcow2', '--output=json', `volume-${volume.id}`)).toContain(
      '"virtual-size": 1073741824',
    );
  });

  it('takes a volume with snapshots back whole: its files keep their names, and the row says them', async () => {
    const before = await backend.available();
    backend.write(before, 0, 65536, 1);
    const snapshot = await backend.snapshot(before);
    backend.write(before, 0, 65536, 2);
    backend.rows.delete(snapshot.id);
    const { volume, update } = await take({ 'source-name': `volume-${before.id}` });
    expect(update).toEqual({ _name_id: before.id, adminMetadata: { base_format: 'raw', format: 'qcow2' } });
    expect(volume.size).toBe(1);
    const { info } = await backend.driver.connection.connect(volume, {}, backend.work());
    expect(info.data).toMatchObject({ name: `volume-${before.id}.${snapshot.id}`, format: 'qcow2' });
    backend.expectBytes(`volume-${before.id}.${snapshot.id}`, 'qcow2', 0, 65536, 2);
    await backend.extend(volume, 2);
  });

  it('takes a volume back whose first file was merged away', async () => {
    const before = await backend.available();
    const snapshot = await backend.snapshot(before);
    backend.rows.delete(snapshot.id);
    const overlay = `volume-${before.id}.${snapshot.id}`;
    qemuImg('rebase', '-f', 'qcow2', '-b', '', overlay);
    writeFileSync(backend.path(`volume-${before.id}.info`), JSON.stringify({ active: overlay }));
    execFileSync('rm', [backend.path(`volume-${before.id}`)]);
    const { update } = await take({ 'source-name': `volume-${before.id}` });
    expect(update).toEqual({ _name_id: before.id, adminMetadata: { format: 'qcow2' } });
  });

  it('does not take a volume with snapshots whose file has another name', async () => {
    const before = await backend.available();
    backend.rows.delete((await backend.snapshot(before)).id);
    linkSync(backend.path(`volume-${before.id}`), backend.path('alias-of-a-chain'));
    await expect(take(`volume-${before.id}`)).rejects.toEqual(refusal(/2 names/));
  });

  it('does not take what a row names, whatever its status and backend', async () => {
    raw(`volume-${somebody}`, gib);
    backend.owners.push(backend.volume({ id: somebody, status: 'error_managing' }));
    await expect(take(`volume-${somebody}`)).rejects.toMatchObject({ exception: 'ManageExistingAlreadyManaged' });
    const moved = backend.volume({ _name_id: '77777777-7777-4777-8777-777777777777' });
    backend.owners.push(moved);
    raw('volume-77777777-7777-4777-8777-777777777777', gib);
    const full = `${backend.location}/volume-77777777-7777-4777-8777-777777777777`;
    await expect(take(full)).rejects.toMatchObject({ exception: 'ManageExistingAlreadyManaged' });
  });

  it.each<[string, RegExp, string, (path: string) => void]>([
    ['a symbolic link', /not a regular file/, 'link.img', (path) => symlinkSync('/etc/passwd', path)],
    ['a folder', /not a regular file/, 'folder', (path) => mkdirSync(path)],
    ['a pipe', /not a regular file/, 'pipe', (path) => execFileSync('mkfifo', [path])],
    ['an empty file', /empty/, 'empty', (path) => writeFileSync(path, '')],
    ['a file with another name', /2 names/, 'alias', (path) => linkSync(raw('named', gib), path)],
    ['an overlay', /part of another volume/, `volume-${somebody}.${somebody}`, () => undefined],
    ['an .info file', /part of another volume/, `volume-${somebody}.info`, () => undefined],
    ['what is not there', /no such file/, 'absent', () => undefined],
    ['a hidden file', /letters/, '.hidden', () => undefined],
    ['a name with a blank', /letters/, 'my disk', () => undefined],
    ['the way up', /letters/, '..', () => undefined],
    ['a path out of the share', /not a share/, '../passwd', () => undefined],
    ['an absolute path', /not a share/, '/etc/passwd', () => undefined],
    ['a foreign format', /format is vdi/, 'x.vdi', (path) => qemuImg('create', '-q', '-f', 'vdi', path, '1G')],
    [
      'a qcow2 file with a backing file',
      /backing file/,
      'evil.qcow2',
      (path) => qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', path, '1G'),
    ],
    [
      'a qcow2 file with a data file',
      /data in another file/,
      'evil2.qcow2',
      (path) => qemuImg('create', '-q', '-f', 'qcow2', '-o', 'data_file=raw-data', path, '1G'),
    ],
    [
      'a raw volume whose guest wrote a qcow2 header',
      /not clear/,
      'guest.img',
      (path) => {
        qemuImg('create', '-q', '-f', 'qcow2', path, '1G');
        truncateSync(path, 2 * gib);
      },
    ],
  ])('refuses %s and leaves it', async (_what, reason, name, make) => {
    make(backend.path(name));
    const files = backend.files();
    await expect(take({ 'source-name': name })).rejects.toEqual(refusal(reason));
    expect(backend.files()).toEqual(files);
  });

  it('refuses a file in a folder of the share, and a share of somebody else', async () => {
    mkdirSync(backend.path('sub'));
    raw('sub/disk.img', gib);
    await expect(take(`${backend.location}/sub/disk.img`)).rejects.toEqual(refusal(/not a share of this backend/));
    await expect(take('other:/share/disk.img')).rejects.toEqual(refusal(/not a share of this backend/));
  });

  it.each<[string, Json]>([
    ['nothing', null],
    ['a number', 5],
    ['an empty object', {}],
    ['a name that is no text', { 'source-name': 3 }],
    ['an id that is none', { 'source-id': '../x' }],
    ['a list', ['disk.img']],
  ])('refuses a reference that is %s, and locks nothing for it', async (_what, reference) => {
    expect(backend.driver.manage.locksFor(reference)).toEqual([]);
    await expect(take(reference)).rejects.toEqual(refusal(/./));
  });

  it('locks by the file, however it is called', () => {
    const locksFor = (reference: Json): readonly string[] => backend.driver.manage.locksFor(reference);
    expect(locksFor({ 'source-id': somebody })).toEqual([`nfs-${somebody}`]);
    expect(locksFor(`${backend.location}/volume-${somebody}`)).toEqual([`nfs-${somebody}`]);
    expect(locksFor({ 'source-name': 'x.img' })).toEqual(locksFor(`${backend.location}/x.img`));
    expect(locksFor({ 'source-name': 'x.img' })).not.toEqual(locksFor('y.img'));
  });

  it('waits for a file that somebody has open, and takes it when it is free', async () => {
    qemuImg('create', '-q', '-f', 'qcow2', 'busy.qcow2', '1G');
    const holder = await openImage('qcow2', backend.path('busy.qcow2'));
    const taking = take('busy.qcow2');
    let taken = false;
    void taking.then(() => (taken = true));
    raw('free.img', gib);
    await take('free.img');
    expect(taken).toBe(false);
    holder.close();
    expect((await taking).volume.size).toBe(1);
  });

  it('finds a name on whichever share has it, and asks for the share where two have it', async () => {
    const base = await makeTempDir();
    const [one, two] = [join(base, 'one'), join(base, 'two')];
    for (const dir of [one, two]) mkdirSync(dir);
    const list = join(base, 'shares');
    writeFileSync(list, `a:${one}\nb:${two}\n`);
    const both = await FolderBackend.on(one, { nasHost: '', nasSharePath: '', nfsSharesConfig: list });
    for (const path of [join(one, 'x.img'), join(two, 'x.img'), join(two, 'y.img')]) {
      writeFileSync(path, 'x');
      truncateSync(path, gib);
    }
    expect((await take('y.img', both)).volume.provider_location).toBe(`b:${two}`);
    await expect(take('x.img', both)).rejects.toEqual(refusal(/give SHARE\/NAME/));
    expect((await take(`a:${one}/x.img`, both)).volume.provider_location).toBe(`a:${one}`);
    expect((await take('x.img', both)).volume.provider_location).toBe(`b:${two}`);
    await both.driver.stop({ force: new AbortController().signal });
    await removeDir(base);
  });
});
