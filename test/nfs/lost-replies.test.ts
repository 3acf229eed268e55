import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Snapshot, Volume } from '../../src/domain/rows.ts';
import { eventually } from '../support/poll.ts';
import { buildOnce } from '../support/shared-servers.ts';
import type { FolderBackend } from '../integration/drivers/folder-backend.ts';
import { backendsIn, stopAll } from './support/backends.ts';
import { Rig, type Client } from './support/rig.ts';
import type { NameChange } from './support/rpc-proxy.ts';

/** A step of the driver that changes names, and how the share must look when it is done. */
interface Step {
  readonly name: string;
  readonly change: NameChange;
  readonly ending: (scene: Scene) => string;
  readonly run: (scene: Scene, by: FolderBackend) => Promise<unknown>;
  readonly check: (scene: Scene, by: FolderBackend) => void;
}

interface Scene {
  /** With a snapshot. */
  readonly volume: Volume;
  readonly snapshot: Snapshot;
  /** Of the volume, not made yet. */
  readonly next: Snapshot;
  /** Not made yet. */
  readonly fresh: Volume;
}

const steps: readonly Step[] = [
  {
    name: 'the link that names a new volume',
    change: 'link',
    ending: ({ fresh }) => fresh.id,
    run: ({ fresh }, by) => by.driver.create(fresh, by.work()),
    check: ({ fresh }, by) => expect(by.files()).toContain(`volume-${fresh.id}`),
  },
  {
    name: 'the link that names an overlay',
    change: 'link',
    ending: ({ next }) => next.id,
    run: ({ volume, next }, by) => by.driver.snapshots.create(next, volume, by.work()),
    check: expectSnapshot,
  },
  {
    name: 'the rename that replaces `.info`',
    change: 'rename',
    ending: ({ volume }) => `${volume.id}.info`,
    run: ({ volume, next }, by) => by.driver.snapshots.create(next, volume, by.work()),
    check: expectSnapshot,
  },
  {
    name: "the removal of a snapshot's file",
    change: 'remove',
    ending: ({ snapshot }) => snapshot.id,
    run: ({ volume, snapshot }, by) =>
      by.driver.snapshots.remove({ ...snapshot, status: 'deleting' }, volume, by.work()),
    check: ({ volume, snapshot }, by) => {
      expect(by.info(volume)).toEqual({ active: `volume-${volume.id}` });
      expect(by.files()).not.toContain(`volume-${volume.id}.${snapshot.id}`);
    },
  },
];

function expectSnapshot({ volume, next }: Scene, by: FolderBackend): void {
  const file = `volume-${volume.id}.${next.id}`;
  expect(by.info(volume)).toMatchObject({ active: file, [next.id]: file });
  expect(by.files()).toContain(file);
}

describe('a share whose network loses or delays', () => {
  let rig: Rig;
  let clientA: Client;
  let clientB: Client;
  let a: FolderBackend;
  let b: FolderBackend;
  let impatient: FolderBackend;
  beforeAll(async () => {
    rig = await Rig.start({ image: inject('guestImage'), dist: await buildOnce(), clients: ['a', 'b'] });
    [clientA, clientB] = rig.clients as [Client, Client];
    [a, b] = (await backendsIn(rig, 'lost', [clientA, clientB])) as [FolderBackend, FolderBackend];
    impatient = await b.peer(clientA.helperEntry, 20_000);
  });
  afterAll(async () => {
    await stopAll([a, b, impatient]);
    await rig.stop();
  });

  async function makeScene(): Promise<Scene> {
    const volume = await b.available();
    return { volume, snapshot: await b.snapshot(volume), next: b.snapshotRow(volume), fresh: b.volume() };
  }

  /** Rows of what there is no more would make the next operation of this volume refuse. */
  function expectDone(step: Step, scene: Scene, by: FolderBackend): void {
    step.check(scene, by);
    expect(by.temps()).toEqual([]);
  }

  it.each(steps)('$name: its reply is lost, and the server remembers that it gave one', async (step) => {
    const scene = await makeScene();
    const lost = clientA.calls.loseReply(step.change, step.ending(scene));
    const running = step.run(scene, a);
    await lost.caught;
    clientA.proxy.cut();
    await running;
    expectDone(step, scene, a);
  });

  it.each(steps)('$name: its reply is lost, and the server dies and remembers nothing', async (step) => {
    const scene = await makeScene();
    const lost = clientA.calls.loseReply(step.change, step.ending(scene));
    const running = step.run(scene, a);
    await lost.caught;
    await rig.server.kill();
    await rig.server.restart();
    await running;
    expectDone(step, scene, a);
  });

  it.each(steps)('$name: it arrives when somebody else has done the work already', async (step) => {
    const scene = await makeScene();
    const late = clientA.calls.hold(step.change, step.ending(scene));
    const predecessor = step.run(scene, a).then(
      () => 'done',
      () => 'failed',
    );
    await late.caught;
    await step.run(scene, b);
    step.check(scene, b);
    const before = [b.files(), b.info(scene.volume)];
    late.release();
    // A name that is there is no more moved by it, and one that is gone is as its owner wanted it.
    expect(await predecessor).toBe(step.change === 'remove' ? 'done' : 'failed');
    expect([b.files(), b.info(scene.volume)]).toEqual(before);
    expectDone(step, scene, b);
  });

  it('a late rename of `.info` does not bring back a snapshot that has been deleted since', async () => {
    const scene = await makeScene();
    const late = clientA.calls.hold('rename', `${scene.volume.id}.info`);
    const predecessor = a.driver.snapshots.create(scene.next, scene.volume, a.work()).catch(() => 'failed');
    await late.caught;
    await b.driver.snapshots.create(scene.next, scene.volume, b.work());
    await b.removeSnapshot({ ...scene.next, status: 'available' }, scene.volume);
    late.release();
    expect(await predecessor).toBe('failed');
    const file = `volume-${scene.volume.id}.${scene.snapshot.id}`;
    expect(b.info(scene.volume)).toEqual({ active: file, [scene.snapshot.id]: file });
    await b.removeSnapshot(scene.snapshot, scene.volume);
  });

  it('hangs, and whoever works there says that the outcome is unknown; after that it goes on', async () => {
    const { fresh, volume, next } = await makeScene();
    clientA.proxy.blackHole();
    const ended = impatient.driver.create(fresh, impatient.work());
    await expect(ended).rejects.toMatchObject({ outcome: 'unknown' });
    // The hard mount still waits, and nobody with it.
    await expect(b.driver.snapshots.create(next, volume, b.work())).resolves.toBeDefined();
    clientA.proxy.heal();
    clientA.proxy.cut();
    await eventually(
      () =>
        impatient.driver.create(fresh, impatient.work()).then(
          () => true,
          () => false,
        ),
      { timeoutMs: 200_000, everyMs: 500 },
    );
    expect(b.files()).toContain(`volume-${fresh.id}`);
    expect(b.temps()).toEqual([]);
  });
});
