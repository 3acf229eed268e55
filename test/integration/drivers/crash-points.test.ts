import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import type { DriverWork } from '../../../src/drivers/volume-driver.ts';
import { leaveOut } from '../../support/programs.ts';
import { FolderBackend } from './folder-backend.ts';
import { callTakesMs } from './helper-machine.ts';

const tail = 1024 ** 3 - 65536;

/** A volume whose three snapshots hold 1, 2 and 3, and which itself holds 4. */
interface Scene {
  readonly volume: Volume;
  readonly snapshots: readonly [Snapshot, Snapshot, Snapshot];
}

interface Case {
  readonly name: string;
  /** Every commit point of the operation, in order. */
  readonly points: readonly string[];
  readonly run: (scene: Scene, work: DriverWork) => Promise<unknown>;
  readonly check: (scene: Scene) => Promise<void> | void;
}

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('an operation that dies at a commit point', () => {
  let backend: FolderBackend;
  let fresh: Volume;
  let freshSnapshot: Snapshot;
  const filled = new WeakSet<Scene>();
  beforeAll(async () => {
    backend = await FolderBackend.start();
  });
  afterAll(() => backend.stop());

  async function scene(): Promise<Scene> {
    const volume = await backend.available();
    const snap = async (byte: number): Promise<Snapshot> => {
      backend.write(volume, tail, 65536, byte);
      return backend.snapshot(volume);
    };
    const snapshots = [await snap(1), await snap(2), await snap(3)] as const;
    backend.write(volume, tail, 65536, 4);
    fresh = backend.volume();
    freshSnapshot = backend.snapshotRow(volume);
    // A file of an operator's that is not as long as a volume.
    fresh = { ...fresh, display_name: `${fresh.id}.img` };
    writeFileSync(backend.path(`${fresh.id}.img`), Buffer.alloc(1024 ** 2, 9));
    truncateSync(backend.path(`${fresh.id}.img`), 1.5 * 1024 ** 3);
    return { volume, snapshots };
  }

  const remove = (index: 0 | 1 | 2): Pick<Case, 'run' | 'check'> => ({
    run: ({ volume, snapshots }, work) => backend.driver.snapshots.remove(snapshots[index], volume, work),
    check: ({ volume, snapshots }) => {
      const gone = snapshots[index].id;
      expect(backend.info(volume)).not.toHaveProperty(gone);
      expect(backend.files()).not.toContain(`volume-${volume.id}.${gone}`);
      expectData(volume, snapshots, index);
    },
  });

  const cases: readonly Case[] = [
    {
      name: 'create',
      points: ['volume-file'],
      run: (_, work) => backend.driver.create(fresh, work),
      check: () => backend.expectBytes(`volume-${fresh.id}`, 'raw', tail, 65536, 0),
    },
    {
      name: 'clone of a snapshot',
      points: ['volume-file'],
      run: ({ volume, snapshots }, work) =>
        backend.driver.clone.create(fresh, { kind: 'snapshot', volume, snapshot: snapshots[1] }, work),
      check: () => backend.expectBytes(`volume-${fresh.id}`, 'raw', tail, 65536, 2),
    },
    {
      name: 'snapshot',
      points: ['snapshot-overlay', 'snapshot-info'],
      run: ({ volume }, work) => backend.driver.snapshots.create(freshSnapshot, volume, work),
      check: ({ volume, snapshots }) => {
        const file = `volume-${volume.id}.${freshSnapshot.id}`;
        expect(backend.info(volume)).toMatchObject({ active: file, [freshSnapshot.id]: file });
        expectData(volume, snapshots);
      },
    },
    {
      name: 'extension',
      points: ['volume-growth'],
      run: ({ volume }, work) => backend.extend(volume, 2, work),
      check: ({ volume, snapshots }) => {
        expect(backend.virtualBytes(volume)).toBe(2 * 1024 ** 3);
        expectData(volume, snapshots);
      },
    },
    {
      name: 'taking in a file',
      points: ['volume-growth', 'volume-adopted'],
      run: async (_, work) => {
        const taken = { ...fresh, status: 'managing', size: 2 };
        await backend.driver.manage.find(taken, fresh.display_name, work);
        return backend.driver.manage.take(taken, fresh.display_name, work);
      },
      check: () => {
        expect(backend.files()).not.toContain(fresh.display_name);
        backend.expectBytes(`volume-${fresh.id}`, 'raw', 0, 65536, 9);
        backend.expectBytes(`volume-${fresh.id}`, 'raw', 2 * 1024 ** 3 - 65536, 65536, 0);
      },
    },
    {
      name: 'taking in a snapshot',
      points: ['snapshot-info'],
      run: ({ volume, snapshots }, work) => {
        const { id } = snapshots[1];
        return backend.driver.manageSnapshot.take(freshSnapshot, volume, `snapshot-${id}`, {
          ...work,
          snapshotsWith: () => Promise.resolve([]),
        });
      },
      check: ({ volume, snapshots: [first, second, third] }) => {
        expect(backend.info(volume)).not.toHaveProperty(second.id);
        expect(backend.info(volume)).toHaveProperty(freshSnapshot.id, `volume-${volume.id}.${second.id}`);
        expectData(volume, [first, freshSnapshot, third]);
      },
    },
    {
      name: 'reversal to the newest snapshot',
      points: ['snapshot-revert'],
      run: ({ volume, snapshots }, work) =>
        backend.driver.reversal.revert({ ...volume, status: 'reverting' }, snapshots[2], work),
      check: ({ volume, snapshots }) => {
        backend.expectBytes(backend.active(volume), 'qcow2', tail, 65536, 3);
        expectSnapshots(volume, snapshots);
      },
    },
    {
      name: 'copy of a migration',
      points: ['migration-copy'],
      run: async (where, work) => {
        const { target } = await arriving(where);
        where.snapshots.forEach(({ id }) => backend.rows.delete(id));
        const data = { export: backend.location, name: `volume-${target.id}`, format: 'raw' };
        const connection = { driver_volume_type: 'nfs', data };
        await backend.driver.migration.copy({ volume: where.volume, target, connection }, false, work);
      },
      check: ({ volume }) => {
        backend.expectBytes(`volume-${freshSnapshot.id}`, 'raw', tail, 65536, 4);
        backend.expectBytes(backend.active(volume), 'qcow2', tail, 65536, 4);
      },
    },
    {
      name: 'arrival after a migration',
      points: ['volume-rename'],
      run: async (where, work) => {
        const { target } = await arriving(where);
        const { nameId } = await backend.driver.migration.arrive({ volume: fresh, target, rename: true }, work);
        expect(nameId).toBe(fresh.id);
      },
      check: () => {
        backend.expectBytes(`volume-${fresh.id}`, 'raw', tail, 65536, 6);
        expect(backend.files().filter((name) => name.includes(freshSnapshot.id))).toEqual([]);
      },
    },
    {
      name: 'deletion of the newest snapshot',
      points: ['snapshot-merge', 'snapshot-info', 'snapshot-file'],
      ...remove(2),
    },
    {
      name: 'deletion of an inner snapshot',
      points: ['snapshot-merge', 'snapshot-rebase', 'snapshot-info', 'snapshot-file'],
      ...remove(1),
    },
    {
      name: 'deletion of the oldest snapshot',
      points: ['snapshot-merge', 'snapshot-rebase', 'snapshot-info', 'snapshot-file'],
      ...remove(0),
    },
    {
      name: 'deletion of the volume',
      points: ['delete-volume'],
      run: ({ volume }, work) => backend.driver.remove(volume, work),
      check: ({ volume }) => expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]),
    },
  ];

  /** A file that somebody has filled for `fresh` under another id, once for each scene. */
  async function arriving(where: Scene): Promise<{ readonly target: Volume }> {
    const target = { ...fresh, id: freshSnapshot.id, status: 'available', migration_status: `target:${fresh.id}` };
    if (filled.has(where)) return { target };
    filled.add(where);
    await backend.driver.create({ ...target, status: 'creating' }, backend.work());
    backend.write(target, tail, 65536, 6);
    return { target };
  }

  /** The volume's and each remaining snapshot's data, read through the chain. */
  function expectData(volume: Volume, snapshots: readonly Snapshot[], except?: number): void {
    backend.expectBytes(backend.active(volume), 'qcow2', tail, 65536, 4);
    expectSnapshots(volume, snapshots, except);
  }

  function expectSnapshots(volume: Volume, snapshots: readonly Snapshot[], except?: number): void {
    snapshots.forEach((snapshot, index) => {
      if (index === except) return;
      const overlay = backend.info(volume)[snapshot.id] ?? '';
      const below = backingOf(backend.path(overlay));
      backend.expectBytes(below, below.includes('.') ? 'qcow2' : 'raw', tail, 65536, index + 1);
    });
  }

  const mustBeUnknown = (error: unknown): void => {
    expect(error).toMatchObject({ outcome: 'unknown' });
  };

  /** As the door does it: what came to nothing definite is done again. The first call may meet the dying helper. */
  async function untilKnown(run: () => Promise<unknown>): Promise<void> {
    const first = await run().then(() => 'done', mustBeUnknown);
    if (first !== 'done') await run();
  }

  for (const { name, points, run, check } of cases) {
    it.each(points)(`${name}: before %s, then a successor`, async (fatal) => {
      const where = await scene();
      const passed: string[] = [];
      const commitPoint = (point: string): Promise<void> => {
        passed.push(point);
        return point === fatal ? Promise.reject(new Error('died here')) : Promise.resolve();
      };
      await expect(run(where, backend.work({ commitPoint }))).rejects.toThrow('died here');
      expect(passed).toEqual(points.slice(0, points.indexOf(fatal) + 1));
      await run(where, backend.work());
      await check(where);
      // And once more, as when the message comes twice.
      await run(where, backend.work());
      await check(where);
      expect(backend.temps()).toEqual([]);
    });

    it(`${name}: the helper killed after each commit point`, async () => {
      for (const fatal of points) {
        const where = await scene();
        let killing: NodeJS.Timeout | undefined;
        const commitPoint = (point: string): Promise<void> => {
          if (point === fatal) killing = setTimeout(() => backend.killHelper(), Math.random() * callTakesMs);
          return Promise.resolve();
        };
        // Whether the call won the race or the signal: the successor's end is the same.
        await run(where, backend.work({ commitPoint })).catch(mustBeUnknown);
        clearTimeout(killing);
        await untilKnown(() => run(where, backend.work()));
        await check(where);
        expect(backend.temps()).toEqual([]);
      }
    });
  }

  it.each([0, 1, 2] as const)(
    'snapshot %i: takes over where upstream died after the merge and the removal',
    async (index) => {
      const where = await scene();
      const { volume, snapshots } = where;
      const file = backend.path(`volume-${volume.id}.${snapshots[index].id}`);
      execFileSync('qemu-img', ['commit', '-q', '-d', '-f', 'qcow2', file]);
      rmSync(file);
      await backend.removeSnapshot(snapshots[index], volume);
      expectData(volume, snapshots, index);
    },
  );

  it('does not repair a chain that lacks a file nobody was deleting', async () => {
    const { volume, snapshots } = await scene();
    rmSync(backend.path(`volume-${volume.id}.${snapshots[0].id}`));
    await expect(backend.removeSnapshot(snapshots[2], volume)).rejects.toThrow('is missing');
    expect(backend.files()).toContain(`volume-${volume.id}.${snapshots[2].id}`);
  });

  it('touches nothing where .info is torn, and names the file; deleting the volume works all the same', async () => {
    const { volume, snapshots } = await scene();
    writeFileSync(backend.path(`volume-${volume.id}.info`), '{"active": "volu');
    await expect(backend.removeSnapshot(snapshots[2], volume)).rejects.toThrow(`volume-${volume.id}.info`);
    await backend.driver.remove(volume, backend.work());
    expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]);
  });

  it('takes a missing .info for a loss where the database knows of snapshots', async () => {
    const { volume, snapshots } = await scene();
    rmSync(backend.path(`volume-${volume.id}.info`));
    await expect(backend.driver.snapshots.create(freshSnapshot, volume, backend.work())).rejects.toThrow('3 snapshots');
    await expect(backend.removeSnapshot(snapshots[2], volume)).rejects.toThrow('2 snapshots');
  });
});

function backingOf(path: string): string {
  const text = execFileSync('qemu-img', ['info', '-f', 'qcow2', '--output=json', path], { encoding: 'utf8' });
  return (JSON.parse(text) as { 'backing-filename': string })['backing-filename'];
}
