import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { now } from '../../../src/db/ports/resources.ts';
import { engines, gate } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('attachments on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes', 'volume_attachment');

  it('are made, changed, found by volume and id, and softly deleted', async () => {
    const { id: volume_id } = await createVolume(fixture.db);
    const id = randomUUID();
    await fixture.db.attachments.create({ id, volume_id, attach_status: 'attaching' });
    expect(await fixture.db.attachments.update(id, { attach_status: 'attached', attach_time: now })).toBe(1);
    const found = await fixture.db.attachments.get(id);
    expect(found).toMatchObject({ id, volume_id, attach_status: 'attached', instance_uuid: null, deleted: false });
    expect([typeof found?.attach_time, typeof found?.updated_at]).toEqual(['string', 'string']);
    expect(await fixture.db.attachments.ofVolume(volume_id)).toEqual([found]);
    expect(await fixture.db.attachments.destroy(id)).toBe(1);
    expect(await fixture.db.attachments.destroy(id)).toBe(0);
    expect([await fixture.db.attachments.get(id), await fixture.db.attachments.ofVolume(volume_id)]).toEqual([
      null,
      [],
    ]);
    const gone = await fixture.sql('select attach_status, detach_time, deleted_at from volume_attachment');
    // Two readings of the server's clock in one statement: the same but for a microsecond.
    const time = expect.any(String) as string;
    expect(gone).toEqual([{ attach_status: 'detached', detach_time: time, deleted_at: time }]);
  });

  it('keep others from the row of a volume that is locked for them', async () => {
    const { id } = await createVolume(fixture.db);
    expect(await fixture.db.volumes.lock(randomUUID())).toBeNull();
    const [locked, free] = [gate(), gate()];
    const first = fixture.db.transaction(async (db) => {
      const row = await db.volumes.lock(id);
      locked.open();
      await free.opened;
      await db.volumes.update(id, { status: 'in-use' });
      return row?.status;
    });
    await locked.opened;
    const second = fixture.db.transaction(async (db) => (await db.volumes.lock(id))?.status);
    free.open();
    expect([await first, await second]).toEqual(['creating', 'in-use']);
  });
});
