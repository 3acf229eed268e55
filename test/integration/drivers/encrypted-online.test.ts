import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot, Volume } from '../../../src/domain/rows.ts';
import { leaveOut } from '../../support/programs.ts';
import { encryptedBackend, type EncryptedBackend } from './encrypted-backend.ts';
import { belowOf, infoOf, pullAll } from './encrypted-image.ts';
import { longTestMs } from './helper-machine.ts';
import { NotedRequests, StandInNova } from './stand-in-nova.ts';

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('an attached encrypted volume', { timeout: longTestMs }, () => {
  const nova = new StandInNova();
  let at: EncryptedBackend;
  beforeAll(async () => {
    at = await encryptedBackend(nova);
    nova.backend = at.backend;
  });
  afterAll(() => at.backend.stop());

  it('gets an overlay that only its key opens, and loses it again once Nova has merged', async () => {
    const volume: Volume = { ...(await at.available()), status: 'in-use', attach_status: 'attached' };
    at.guest(volume, 'write -P 1 0 64k');
    const { snapshots } = at.backend.driver;
    const row = at.backend.snapshotRow(volume);
    const work = () => at.backend.work({ delegation: new NotedRequests(at.backend) });

    await snapshots.create(row, volume, work());
    const overlay = `volume-${volume.id}.${row.id}`;
    expect(nova.asked).toMatchObject([{ snapshotId: row.id, newFile: overlay }]);
    expect(at.backend.info(volume)).toEqual({ active: overlay, [row.id]: overlay });
    expect(infoOf(at.path(volume))).toMatchObject({ format: 'qcow2', encrypted: true });
    expect(() => at.guest(volume, 'read 0 512', 'wrong')).toThrow('Invalid password');
    at.guest(volume, 'write -P 2 64k 64k');
    at.guest(volume, 'read -P 1 0 64k');

    const passphrase = at.passphraseOf(volume);
    nova.pullAll = () =>
      pullAll({ path: at.path(volume), format: 'qcow2', passphrase, below: belowOf(at.path(volume)) });
    const doomed: Snapshot = { ...row, status: 'deleting' };
    at.backend.rows.set(row.id, doomed);
    await snapshots.remove(doomed, volume, work());
    expect(nova.asked.at(-1)).toMatchObject({ snapshotId: row.id, fileToMerge: null, mergeTarget: null });
    expect(at.backend.info(volume)).toEqual({ active: overlay });
    expect(belowOf(at.path(volume))).toEqual([]);
    expect(
      at.backend
        .files()
        .filter((name) => name.startsWith(`volume-${volume.id}`))
        .sort(),
    ).toEqual([overlay, `volume-${volume.id}.info`].sort());
    at.guest(volume, 'read -P 1 0 64k');
    at.guest(volume, 'read -P 2 64k 64k');
  });
});
