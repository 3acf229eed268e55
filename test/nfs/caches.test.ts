import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Snapshot, Volume } from '../../src/domain/rows.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { eventually } from '../support/poll.ts';
import { buildOnce } from '../support/shared-servers.ts';
import type { FolderBackend } from '../integration/drivers/folder-backend.ts';
import { backendsIn, stopAll } from './support/backends.ts';
import { Rig, type Client } from './support/rig.ts';

/*
 * Two replicas in two machines work on the same volumes in turn, as the locks make them; what each has cached of the
 * share must not decide anything.
 */
describe('a replica on an NFS client that has cached what another one then changes', () => {
  let rig: Rig;
  let clients: [Client, Client];
  let a: FolderBackend;
  let b: FolderBackend;
  beforeAll(async () => {
    rig = await Rig.start({ image: inject('guestImage'), dist: await buildOnce(), clients: ['a', 'b'] });
    clients = rig.clients as [Client, Client];
    [a, b] = (await backendsIn(rig, 'caches', clients)) as [FolderBackend, FolderBackend];
  });
  afterAll(async () => {
    await stopAll([a, b]);
    await rig.stop();
  });

  /** Both have listed the folder, know each file's attributes and have read what is small. */
  async function fillCaches(): Promise<void> {
    const look = `cd ${a.dir} && ls -la . .cinder-volume-aa && { cat *.info || true; }`;
    await Promise.all(clients.map(({ guest }) => guest.run(look)));
  }

  const connected = async (by: FolderBackend, volume: Volume): Promise<unknown> =>
    (await by.driver.connection.connect(volume, {}, by.work())).info['data'];

  it('names the file of the snapshot that the other has just made, and of the one that is left', async () => {
    const volume = await a.available();
    await fillCaches();
    for (const [changer, reader] of [
      [a, b],
      [b, a],
      [a, b],
      [b, a],
    ] as const) {
      await connected(reader, volume);
      await fillCaches();
      const snapshot = await changer.snapshot(volume);
      const name = `volume-${volume.id}.${snapshot.id}`;
      await expect(connected(reader, volume)).resolves.toMatchObject({ name, format: 'qcow2' });
      await fillCaches();
      await changer.removeSnapshot(snapshot, volume);
      const base = `volume-${volume.id}`;
      await expect(connected(reader, volume)).resolves.toMatchObject({ name: base, format: 'raw' });
    }
  });

  it('deletes the snapshot that the other has just made of a volume that it knew without `.info`', async () => {
    for (const [maker, remover] of [
      [a, b],
      [b, a],
    ] as const) {
      const volume = await maker.available();
      await connected(remover, volume);
      await fillCaches();
      const snapshot = await maker.snapshot(volume);
      await remover.removeSnapshot(snapshot, volume);
      expect(maker.info(volume)).toEqual({ active: `volume-${volume.id}` });
      expect(maker.files()).not.toContain(`volume-${volume.id}.${snapshot.id}`);
      await remover.driver.remove(volume, remover.work());
    }
  });

  it('finds the volume made that it knew as missing', async () => {
    for (const [first, successor] of [
      [a, b],
      [b, a],
    ] as const) {
      const volume = first.volume();
      const file = first.path(`volume-${volume.id}`);
      for (const { guest } of clients) await guest.run(`! ls ${file}`);
      await fillCaches();
      await first.driver.create(volume, first.work());
      // Its entry was given back before it was settled, and somebody else runs it again.
      await expect(successor.driver.create(volume, successor.work())).resolves.toMatchObject({});
      expect(a.temps()).toEqual([]);
    }
  });

  it('sees a folder anew that it opens, as a look does where a full share takes no file', async () => {
    for (const n of [1, 2, 3]) {
      const file = a.path(`file-${n}`);
      const [here, there] = n % 2 === 0 ? clients : [clients[1], clients[0]];
      await here.guest.run(`! ls ${file}`);
      await there.guest.run(`: > ${file}`);
      await expect(here.guest.run(`: < ${a.dir} && ls ${file}`)).resolves.toBe(`${file}\n`);
    }
  });

  it('makes the volume again that it knew as made, and that the other has removed', async () => {
    for (const [first, remover] of [
      [a, b],
      [b, a],
    ] as const) {
      const volume = await first.available();
      await fillCaches();
      await remover.driver.remove(volume, remover.work());
      await first.driver.create({ ...volume, status: 'creating' }, first.work());
      expect(a.files()).toContain(`volume-${volume.id}`);
    }
  });

  it('removes what the other has left unfinished since it last looked there', async () => {
    for (const [first, successor] of [
      [a, b],
      [b, a],
    ] as const) {
      const volume = await first.available();
      const row = first.snapshotRow(volume);
      await fillCaches();
      await connected(successor, volume);
      const lost = first.work({ commitPoint: () => Promise.reject(new LocksLost()) });
      await expect(first.driver.snapshots.create(row, volume, lost)).rejects.toThrow(LocksLost);
      expect(a.temps()).toHaveLength(1);
      await successor.driver.snapshots.create(row, volume, successor.work());
      expect(a.temps()).toEqual([]);
      expect(a.info(volume)).toMatchObject({ active: `volume-${volume.id}.${row.id}` });
    }
  });

  it('reads the data that the other has just written, through the chain that it has just made', async () => {
    const volume = await a.available();
    const io = ({ guest }: Client, command: string): Promise<string> => {
      const name = a.active(volume);
      return guest.run(`qemu-io -f ${name.includes('.') ? 'qcow2' : 'raw'} -c '${command}' ${a.path(name)}`);
    };
    for (const byte of [1, 2, 3, 4]) {
      const [writer, reader] = byte % 2 === 0 ? [0, 1] : [1, 0];
      await io(clients[reader]!, 'read 0 65536');
      await io(clients[writer]!, `write -P ${byte} 0 65536`);
      await expect(io(clients[reader]!, `read -P ${byte} 0 65536`)).resolves.not.toContain('failed');
      await [a, b][reader]!.snapshot(volume);
      await expect(io(clients[writer]!, `read -P ${byte} 0 65536`)).resolves.not.toContain('failed');
    }
  });

  it('waits while a program of the other machine has the image open', async () => {
    const volume = await a.available();
    const open = clients[1].guest.program('qemu-io', '-f', 'raw', a.path(`volume-${volume.id}`));
    open.send('read 0 512');
    expect(await open.line()).toContain('read 512/512 bytes');
    let done = false;
    const said: string[] = [];
    const log = { info: (_: object, message: string) => void said.push(message), warn: () => undefined };
    const row = a.snapshotRow(volume);
    const made = a.driver.snapshots.create(row, volume, a.work({ log })).then(() => (done = true));
    await eventually(() => said.length > 0, { timeoutMs: 120_000 });
    expect(said[0]).toContain('it is in use');
    expect(done).toBe(false);
    open.kill();
    await made;
    expect(a.active(volume)).toContain(row.id);
  });

  it('works on one chain in turn with the other: data and chain stay whole after every step', async () => {
    const volume = await a.available();
    const kept: Snapshot[] = [];
    let byte = 0;
    for (let step = 0; step < 12; step++) {
      const by = step % 2 === 0 ? a : b;
      if (step % 4 === 3) {
        const [gone] = kept.splice((step * 7) % kept.length, 1);
        await by.removeSnapshot(gone!, volume);
      } else {
        byte += 1;
        by.write(volume, 0, 65536, byte);
        kept.push(await by.snapshot(volume));
      }
      expectWholeChain(volume, byte);
    }
    for (const [n, snapshot] of kept.entries()) await (n % 2 === 0 ? b : a).removeSnapshot(snapshot, volume);
    expect(a.info(volume)).toEqual({ active: `volume-${volume.id}` });
    a.expectBytes(`volume-${volume.id}`, 'raw', 0, 65536, byte);
    await b.driver.remove(volume, b.work());
    expect(a.files().filter((name) => name.includes(volume.id))).toEqual([]);
  });

  function expectWholeChain(volume: Volume, byte: number): void {
    const top = a.active(volume);
    const format = top === `volume-${volume.id}` ? 'raw' : 'qcow2';
    a.expectBytes(top, format, 0, 65536, byte);
    const named = Object.values(a.info(volume));
    const json = execFileSync('qemu-img', ['info', '-f', format, '--backing-chain', '--output=json', a.path(top)]);
    const chain = (JSON.parse(json.toString()) as { filename: string }[]).map(({ filename }) => filename);
    for (const name of named) expect(chain).toContain(a.path(name));
    expect(chain.at(-1)).toBe(a.path(`volume-${volume.id}`));
    for (const name of new Set(named)) {
      if (name !== `volume-${volume.id}`) execFileSync('qemu-img', ['check', '-f', 'qcow2', a.path(name)]);
    }
    expect(readFileSync(a.path(`volume-${volume.id}.info`), 'utf8')).not.toBe('');
  }
});

class LocksLost extends AppError {
  readonly code = 'LOCKS_LOST';
  constructor() {
    super('the locks are lost', { outcome: 'unknown' });
  }
}
