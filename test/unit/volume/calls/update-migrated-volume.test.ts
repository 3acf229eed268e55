import { afterEach, describe, expect, it } from 'vitest';
import type { Volume } from '../../../../src/domain/rows.ts';
import { HOST, SHARE, SOURCE, VOLUME, madeVolume } from '../operations/rows.ts';
import { CallWorld } from './call-world.ts';

let world: CallWorld;
afterEach(() => world.stop());

const TARGET = SOURCE;
const there = { host: 'other@nfs9#pool', provider_location: 'server:/old' };
const asSeen = {
  volume: { id: VOLUME, provider_location: 'server:/old' },
  new_volume: { id: TARGET, provider_location: SHARE },
};

async function start(volume: Partial<Volume> = {}, target: Partial<Volume> = {}): Promise<void> {
  const volumes = {
    [VOLUME]: madeVolume({ ...there, migration_status: 'completing', ...volume }),
    [TARGET]: madeVolume({ id: TARGET, migration_status: `target:${VOLUME}`, use_quota: false, ...target }),
  };
  world = await CallWorld.start({ tables: { volumes }, files: { [TARGET]: 'data' } });
}

const update = (volume_status: string | null = 'available', seen: typeof asSeen = asSeen) =>
  world.call('update_migrated_volume', { ...seen, volume_status });
const row = (id: string) => world.tables.volumes[id];
const names = () => [VOLUME, TARGET].map((id) => [row(id)?.provider_location, row(id)?._name_id]);

describe('update_migrated_volume', () => {
  it('gives the file the name of the volume, whose row then leads here, and the other one to the old data', async () => {
    await start();
    expect(await update()).toBeNull();
    expect(names()).toEqual([
      [SHARE, null],
      ['server:/old', null],
    ]);
    expect([...world.world.driver.files]).toEqual([[VOLUME, 'data']]);
    expect(world.tables.values[`admin_metadata ${TARGET}`]).toEqual({ format: 'raw' });
    expect(world.locked).toEqual([[`${TARGET}-delete_volume`, `nfs-${TARGET}`]]);
    // Host and status are its sender's to change.
    expect(row(VOLUME)).toMatchObject({ host: there.host, migration_status: 'completing' });
    expect(row(TARGET)).toMatchObject({ host: `${HOST}#pool`, migration_status: `target:${VOLUME}` });
  });

  it.each([
    ['was in use', 'in-use', {}, 'server:/old'],
    ['came to the share that it was on', 'available', { provider_location: SHARE }, SHARE],
  ])('leaves the name of a volume that %s', async (_what, status, volume, old) => {
    await start({ ...volume, _name_id: 'earlier' });
    await update(status);
    expect(names()).toEqual([
      [SHARE, TARGET],
      [old, 'earlier'],
    ]);
    expect(world.world.driver.files.get(TARGET)).toBe('data');
  });

  it.each([
    ['renamed it', 'available'],
    ['left the name', 'in-use'],
  ])('answers once more what it answered when it %s, and changes nothing', async (_what, status) => {
    await start();
    world.loseNextAnswer();
    await update(status);
    const before = structuredClone(world.tables);
    await update(status);
    expect(world.tables).toEqual(before);
    expect(world.world.driver.calls).toEqual([`arrive ${TARGET}`]);
  });

  it('refuses what does not migrate here, and what is gone', async () => {
    await start({}, { migration_status: null });
    await expect(update()).rejects.toMatchObject({ exception: 'InvalidVolume' });
    await start({}, { host: 'elsewhere@nfs#pool' });
    await expect(update()).rejects.toThrow('does not lie on');
    await start();
    world.tables.volumes[VOLUME] = { ...madeVolume(), deleted: true };
    await expect(update()).rejects.toMatchObject({ exception: 'VolumeNotFound' });
    expect(world.world.driver.calls).toEqual([]);
  });
});
