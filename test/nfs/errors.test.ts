import { truncateSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../src/domain/rows.ts';
import { join } from 'node:path';
import { AppError } from '../../src/kernel/errors.ts';
import { eventually } from '../support/poll.ts';
import { buildOnce } from '../support/shared-servers.ts';
import { FolderBackend } from '../integration/drivers/folder-backend.ts';
import { startFaultyShare, type Fault, type FaultyShare } from './support/faulty-share.ts';

const gib = 1024 ** 3;

/** A volume that holds 2 and has a snapshot that holds 1; and things that are not made yet. */
interface Scene {
  readonly volume: Volume;
  readonly snapshot: Snapshot;
  readonly next: Snapshot;
  readonly fresh: Volume;
}

interface Case {
  readonly name: string;
  /** The calls that it makes: what fails, and of which name. */
  readonly calls: readonly (readonly [Fault['op'], (scene: Scene) => string])[];
  readonly run: (scene: Scene) => Promise<unknown>;
  readonly check: (scene: Scene) => void;
}

const info = ({ volume }: Scene): string => `${volume.id}.info`;
const anything = (): string => '';

/** Errors by which a server says no, and those that leave everything open, whether it has done it or not. */
const errors: readonly Pick<Fault, 'errno' | 'done'>[] = [
  { errno: 'ENOSPC', done: false },
  { errno: 'EROFS', done: false },
  { errno: 'EIO', done: false },
  { errno: 'EIO', done: true },
  { errno: 'ESTALE', done: false },
  { errno: 'ESTALE', done: true },
];

describe('a share whose calls fail', () => {
  let share: FaultyShare;
  let backend: FolderBackend;
  beforeAll(async () => {
    share = await startFaultyShare();
    // As on a share that other machines change, too.
    backend = await FolderBackend.remote(share.dir, join(await buildOnce(), 'src/share-helper-entry.js'));
  });
  afterAll(async () => {
    await backend.driver.stop({ force: AbortSignal.abort() });
    await share.stop();
  });

  async function makeScene(): Promise<Scene> {
    const volume = await backend.available();
    backend.write(volume, gib - 65536, 65536, 1);
    const snapshot = await backend.snapshot(volume);
    backend.write(volume, gib - 65536, 65536, 2);
    const fresh = backend.volume();
    writeFileSync(backend.path(`${fresh.id}.img`), Buffer.alloc(65536, 9));
    truncateSync(backend.path(`${fresh.id}.img`), gib);
    return { volume, snapshot, next: backend.snapshotRow(volume), fresh };
  }

  const expectData = ({ volume }: Scene): void => {
    const name = backend.active(volume);
    backend.expectBytes(name, name.includes('.') ? 'qcow2' : 'raw', gib - 65536, 65536, 2);
  };

  const cases: readonly Case[] = [
    {
      name: 'create',
      calls: [
        ['create', anything],
        ['truncate', anything],
        ['fsync', anything],
        ['link', ({ fresh }) => fresh.id],
        ['fsyncdir', anything],
        ['unlink', anything],
      ],
      run: ({ fresh }) => backend.driver.create(fresh, backend.work()),
      check: ({ fresh }) => backend.expectBytes(`volume-${fresh.id}`, 'raw', gib - 65536, 65536, 0),
    },
    {
      name: 'snapshot',
      calls: [
        ['create', anything],
        ['write', anything],
        ['fsync', anything],
        ['link', ({ next }) => next.id],
        ['fsyncdir', anything],
        ['unlink', anything],
        ['rename', info],
      ],
      run: ({ volume, next }) => backend.driver.snapshots.create(next, volume, backend.work()),
      check: (scene) => {
        const file = `volume-${scene.volume.id}.${scene.next.id}`;
        expect(backend.info(scene.volume)).toMatchObject({ active: file, [scene.next.id]: file });
        expectData(scene);
      },
    },
    {
      name: 'deletion of a snapshot',
      calls: [
        ['open', ({ snapshot }) => snapshot.id],
        ['write', ({ volume }) => `volume-${volume.id}`],
        ['create', anything],
        ['rename', info],
        ['fsyncdir', anything],
        ['unlink', ({ snapshot }) => snapshot.id],
      ],
      run: ({ volume, snapshot }) =>
        backend.driver.snapshots.remove({ ...snapshot, status: 'deleting' }, volume, backend.work()),
      check: (scene) => {
        expect(backend.info(scene.volume)).toEqual({ active: `volume-${scene.volume.id}` });
        expect(backend.files()).not.toContain(`volume-${scene.volume.id}.${scene.snapshot.id}`);
        expectData(scene);
      },
    },
    {
      name: 'extension',
      calls: [
        ['open', ({ snapshot }) => snapshot.id],
        ['write', ({ snapshot }) => snapshot.id],
      ],
      run: ({ volume }) => backend.extend(volume, 2),
      check: (scene) => {
        expect(backend.virtualBytes(scene.volume)).toBe(2 * gib);
        expectData(scene);
      },
    },
    {
      name: 'taking in a file',
      calls: [
        ['open', ({ fresh }) => `${fresh.id}.img`],
        ['fsync', anything],
        ['rename', ({ fresh }) => fresh.id],
        ['fsyncdir', anything],
      ],
      run: ({ fresh }) =>
        backend.driver.manage.take({ ...fresh, status: 'managing' }, `${fresh.id}.img`, backend.work()),
      check: ({ fresh }) => {
        backend.expectBytes(`volume-${fresh.id}`, 'raw', 0, 65536, 9);
        expect(backend.files()).not.toContain(`${fresh.id}.img`);
      },
    },
    {
      name: 'deletion',
      calls: [
        ['unlink', ({ volume }) => `volume-${volume.id}`],
        ['unlink', info],
        ['fsyncdir', anything],
      ],
      run: ({ volume }) => backend.driver.remove(volume, backend.work()),
      check: ({ volume }) => expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]),
    },
  ];

  /** What others can see of it: the lengths of its files, what `.info` says, and the files that it names. */
  async function visible({ volume, fresh }: Scene): Promise<unknown> {
    const text = backend.info(volume);
    const names = [`volume-${fresh.id}`, `${fresh.id}.img`, ...Object.values(text)];
    const sizes = names.map(async (name) => [name, (await stat(backend.path(name)).catch(() => null))?.size]);
    return [text, await Promise.all(sizes)];
  }

  const cells = cases.flatMap((each) =>
    each.calls.flatMap(([op, ending], at) =>
      errors.map((error) => ({ ...each, op, ending, error, name: `${each.name}: call ${at}, ${op}` })),
    ),
  );

  it.each(cells)('$name: $error.errno, done: $error.done', async ({ op, ending, error, run, check, name }) => {
    const scene = await makeScene();
    const before = await visible(scene);
    await share.set({ op, ending: ending(scene), ...error, times: 1 });
    const outcome = await run(scene).then(
      () => 'done',
      (problem: unknown) => (problem instanceof AppError ? problem.outcome : problem),
    );
    // The share's word of it comes by another way than the call's end.
    await eventually(() => share.failed.length > 0, { what: 'the fault' });
    expect(share.failed).toHaveLength(1);
    await share.set();
    // Whoever says that it has not happened is believed: nobody looks again. A deletion is asked for again.
    if (outcome === 'done') check(scene);
    else if (outcome !== 'unknown') {
      expect(['failed', 'not-started']).toContain(outcome);
      if (!name.startsWith('deletion')) expect(await visible(scene)).toEqual(before);
    }
    await run(scene);
    check(scene);
    const ours = backend.temps().filter((file) => file.includes(scene.volume.id) || file.includes(scene.fresh.id));
    expect(ours).toEqual([]);
  });

  it.each(cases)('$name: refused on a share that can only be read, and done when it can be written', async (each) => {
    const scene = await makeScene();
    const before = await visible(scene);
    await share.set({ op: 'change', errno: 'EROFS', done: false });
    const problem: unknown = await each.run(scene).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(AppError);
    expect(['failed', 'not-started']).toContain((problem as AppError).outcome);
    await share.set();
    expect(await visible(scene)).toEqual(before);
    await each.run(scene);
    each.check(scene);
  });

  it('a full share takes no new volume, and can be emptied', async () => {
    const { volume, fresh } = await makeScene();
    const full = (['create', 'write', 'truncate'] as const).map(
      (op) => ({ op, errno: 'ENOSPC', done: false }) as const,
    );
    await share.set(...full);
    await expect(backend.driver.create(fresh, backend.work())).rejects.toMatchObject({ outcome: 'failed' });
    await backend.driver.remove(volume, backend.work());
    expect(backend.files().filter((name) => name.includes(volume.id))).toEqual([]);
    expect(backend.files()).not.toContain(`volume-${fresh.id}`);
    await share.set();
  });
});
