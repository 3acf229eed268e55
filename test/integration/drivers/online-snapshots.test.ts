import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import type { Delegation } from '../../../src/drivers/volume-driver.ts';
import { AppError } from '../../../src/kernel/errors.ts';
import { eventually } from '../../support/poll.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';
import { longTestMs, openImage } from './helper-machine.ts';
import { backingOf, formatOf, NotedRequests, StandInNova } from './stand-in-nova.ts';

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('snapshots of an attached volume', () => {
  const nova = new StandInNova();
  let backend: FolderBackend;
  beforeAll(async () => {
    backend = await FolderBackend.start({}, nova);
    nova.backend = backend;
  });
  afterAll(() => backend.stop());

  const attached = async (): Promise<Volume> => ({
    ...(await backend.available()),
    status: 'in-use',
    attach_status: 'attached',
  });
  const create = async (volume: Volume, row = backend.snapshotRow(volume), entry = new NotedRequests(backend)) => {
    const update = await backend.driver.snapshots.create(row, volume, backend.work({ delegation: entry }));
    const made: Snapshot = { ...row, status: 'available', progress: '100%' };
    backend.rows.set(row.id, made);
    return { made, update };
  };
  const remove = async (snapshot: Snapshot, volume: Volume, entry = new NotedRequests(backend)) => {
    const doomed = { ...snapshot, status: 'deleting' };
    backend.rows.set(snapshot.id, doomed);
    const update = await backend.driver.snapshots.remove(doomed, volume, backend.work({ delegation: entry }));
    backend.rows.delete(snapshot.id);
    return update;
  };

  it(
    'are made and removed by Nova in any order, and each shows what it showed',
    async () => {
      for (const order of [
        [0, 2, 1],
        [1, 2, 0],
      ]) {
        const volume = await attached();
        const snapshots: Snapshot[] = [];
        for (const byte of [1, 2, 3]) {
          backend.write(volume, 0, 65536, byte);
          backend.write(volume, byte * 131072, 65536, byte);
          const { made, update } = await create(volume);
          expect(update).toEqual({
            activeFile: `volume-${volume.id}.${made.id}`,
            adminMetadata: { base_format: 'raw', format: 'qcow2' },
          });
          snapshots.push(made);
        }
        backend.write(volume, 0, 65536, 4);
        const left = new Set([0, 1, 2]);
        for (const index of order) {
          const doomed = snapshots[index];
          if (doomed === undefined) throw new Error('no snapshot');
          await remove(doomed, volume);
          left.delete(index);
          for (const kept of left) {
            const file = backend.info(volume)[snapshots[kept]?.id ?? ''] ?? '';
            const backing = backingOf(backend.dir, file) ?? '';
            backend.expectBytes(backing, formatOf(backing) as 'raw' | 'qcow2', 0, 65536, kept + 1);
          }
          const active = backend.active(volume);
          backend.expectBytes(active, 'qcow2', 0, 65536, 4);
          for (const byte of [1, 2, 3]) backend.expectBytes(active, 'qcow2', byte * 131072, 65536, byte);
        }
        const active = backend.active(volume);
        expect(backend.info(volume)).toEqual({ active });
        expect(
          backend
            .files()
            .filter((name) => name.includes(volume.id))
            .sort(),
        ).toEqual([active, `volume-${volume.id}.info`].sort());
      }
    },
    longTestMs,
  );

  it('leave the volume as it was where Nova refuses or fails', async () => {
    for (const fault of ['refuses', 'fails'] as const) {
      const volume = await attached();
      nova.faults.push(fault);
      await expect(create(volume)).rejects.toMatchObject({ outcome: 'failed' });
      expect(backend.active(volume)).toBe(`volume-${volume.id}`);
      expect(backend.files().filter((name) => name.includes(`${volume.id}.`) && !name.endsWith('.info'))).toEqual([]);
      const { made } = await create(volume);
      nova.faults.push(fault);
      await expect(remove(made, volume)).rejects.toMatchObject({ outcome: 'failed' });
      expect(backend.info(volume)).toMatchObject({
        active: `volume-${volume.id}.${made.id}`,
        [made.id]: expect.anything() as string,
      });
    }
  });

  it('are undone by a successor where Nova refuses and the owner ends before it has undone them', async () => {
    for (const point of ['snapshot-info', 'snapshot-left-over']) {
      const volume = await attached();
      const row = backend.snapshotRow(volume);
      const entry = new NotedRequests(backend);
      nova.faults.push('refuses');
      let isAsked = false;
      const work = backend.work({
        delegation: entry,
        commitPoint: (name) => {
          isAsked ||= entry.notes.size > 0;
          return isAsked && name === point
            ? Promise.reject(new Died('died', { outcome: 'unknown' }))
            : Promise.resolve();
        },
      });
      await expect(backend.driver.snapshots.create(row, volume, work)).rejects.toThrow('died');
      expect(backend.files()).toContain(`volume-${volume.id}.${row.id}`);
      await expect(create(volume, row, entry)).rejects.toThrow('Nova refused: HTTP 400');
      expect(backend.active(volume)).toBe(`volume-${volume.id}`);
      expect(backend.files()).not.toContain(`volume-${volume.id}.${row.id}`);
    }
  });

  it('are not waited for where Nova has refused to an owner that could not say so', async () => {
    const volume = await attached();
    const { made } = await create(volume);
    const entry = new NotedRequests(backend);
    nova.faults.push('refuses');
    await expect(remove(made, volume, entry)).rejects.toMatchObject({ outcome: 'failed' });
    const before = nova.asked.length;
    await expect(remove(made, volume, entry)).rejects.toThrow('Nova refused: HTTP 400');
    expect(nova.asked.length).toBe(before);
  });

  it('keep an overlay that the guest writes to, even if Nova says that it has failed', async () => {
    const volume = await attached();
    const row = backend.snapshotRow(volume);
    const overlay = `volume-${volume.id}.${row.id}`;
    const entry = new NotedRequests(backend);
    nova.faults.push('request lost');
    const stopped = new AbortController();
    const work = backend.work({ delegation: entry, signal: stopped.signal });
    const waiting = backend.driver.snapshots.create(row, volume, work);
    const given = expect(waiting).rejects.toThrow('stopped');
    await eventually(() => expect(entry.notes.size).toBe(1), { timeoutMs: 60_000 });
    stopped.abort(new Error('stopped'));
    await given;
    const guest = await openImage('qcow2', backend.path(overlay));
    backend.rows.set(row.id, { ...row, status: 'error', progress: '90%' });
    await expect(create(volume, { ...row, status: 'error' }, entry)).rejects.toMatchObject({ outcome: 'failed' });
    expect(backend.active(volume)).toBe(overlay);
    guest.close();
  });

  it('are asked for once: a successor waits for the sign of what its predecessor asked for', async () => {
    const volume = await attached();
    const row = backend.snapshotRow(volume);
    const entry = new NotedRequests(backend);
    const before = nova.asked.length;
    nova.faults.push('answer lost');
    const dies = new DiesWaiting(entry);
    await expect(backend.driver.snapshots.create(row, volume, backend.work({ delegation: dies }))).rejects.toThrow(
      'died',
    );
    await create(volume, row, entry);
    expect(nova.asked.length - before).toBe(1);
    expect(backend.active(volume)).toBe(`volume-${volume.id}.${row.id}`);
  });

  it('end as they should where the volume was detached after Nova had merged', async () => {
    for (const index of [0, 1]) {
      const volume = await attached();
      backend.write(volume, 0, 65536, 1);
      const first = (await create(volume)).made;
      backend.write(volume, 0, 65536, 2);
      const second = (await create(volume)).made;
      backend.write(volume, 65536, 65536, 3);
      const doomed = [first, second][index] ?? first;
      const kept = [second, first][index] ?? first;
      const entry = new NotedRequests(backend);
      backend.rows.set(doomed.id, { ...doomed, status: 'deleting' });
      const dies = backend.work({ delegation: new DiesWaiting(entry) });
      await expect(backend.driver.snapshots.remove({ ...doomed, status: 'deleting' }, volume, dies)).rejects.toThrow(
        'died',
      );
      await remove(doomed, { ...volume, status: 'available', attach_status: 'detached' }, entry);
      const backing = backingOf(backend.dir, backend.info(volume)[kept.id] ?? '') ?? '';
      backend.expectBytes(backing, formatOf(backing) as 'raw' | 'qcow2', 0, 65536, index === 0 ? 2 : 1);
      backend.expectBytes(backend.active(volume), 'qcow2', 0, 65536, 2);
      backend.expectBytes(backend.active(volume), 'qcow2', 65536, 65536, 3);
    }
  });

  it('do not take an earlier failure for the sign of a new request', async () => {
    const volume = await attached();
    const { made } = await create(volume);
    nova.faults.push('fails');
    await expect(remove(made, volume)).rejects.toMatchObject({ outcome: 'failed' });
    const entry = new NotedRequests(backend);
    await remove({ ...made, progress: '90%' }, volume, entry);
    expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}.${made.id}` });
  });

  it('that the guest never came to use are dropped without Nova', async () => {
    const volume = await attached();
    const { made } = await create(volume);
    const guest = await openImage('raw', backend.path(`volume-${volume.id}`));
    const before = nova.asked.length;
    await remove(made, volume);
    guest.close();
    expect(nova.asked.length).toBe(before);
    expect(backend.info(volume)).toEqual({ active: `volume-${volume.id}` });
  });

  it('are refused to a call, which nobody could carry on', async () => {
    const volume = await attached();
    const refused = backend.driver.snapshots.create(backend.snapshotRow(volume), volume, backend.work());
    await expect(refused).rejects.toMatchObject({ outcome: 'not-started' });
    expect(backend.files()).not.toContain(`volume-${volume.id}.info`);
  });
});

/** An owner that dies as soon as it waits: what it asked for is noted and sent. */
class DiesWaiting implements Delegation {
  readonly #entry: NotedRequests;
  constructor(entry: NotedRequests) {
    this.#entry = entry;
  }
  asked(snapshotId: string): JsonObject | undefined {
    return this.#entry.asked(snapshotId);
  }
  ask(snapshotId: string, what: JsonObject): Promise<void> {
    return this.#entry.ask(snapshotId, what);
  }
  noteRefusal(snapshotId: string, reason: string): Promise<void> {
    return this.#entry.noteRefusal(snapshotId, reason);
  }
  refusalOf(snapshotId: string): string | undefined {
    return this.#entry.refusalOf(snapshotId);
  }
  leaveWord(): Promise<void> {
    return this.#entry.leaveWord();
  }
  wordOf(): undefined {
    return undefined;
  }
  wait<T>(): Promise<T> {
    return Promise.reject(new Died('died', { outcome: 'unknown' }));
  }
}

class Died extends AppError {
  readonly code = 'DIED';
}
