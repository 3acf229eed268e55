import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines } from './fixture.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('backups on %s', (engine) => {
  const fixture = useFixture(engine, 'backups');

  it('change only while they are as expected', async () => {
    const [id, volumeId] = [randomUUID(), randomUUID()];
    await fixture.sql(
      `insert into backups (id, volume_id, host, status, deleted) values (?, ?, 'b', 'creating', false)`,
      [id, volumeId],
    );
    expect(await fixture.db.backups.get(id)).toMatchObject({ volume_id: volumeId, host: 'b', snapshot_id: null });
    expect(await fixture.db.backups.update(id, { status: 'error', fail_reason: 'f' }, { status: 'available' })).toBe(0);
    expect(await fixture.db.backups.update(id, { temp_volume_id: volumeId }, { status: 'creating' })).toBe(1);
    expect(await fixture.db.backups.get(id)).toMatchObject({ temp_volume_id: volumeId, fail_reason: null });
    await fixture.sql('update backups set deleted = true');
    expect(await fixture.db.backups.get(id)).toBeNull();
  });
});
