import { describe, expect, it } from 'vitest';
import { engines } from './fixture.ts';
import { createVolume } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('glance metadata on %s', (engine) => {
  const fixture = useFixture(engine, 'volumes', 'volume_glance_metadata');

  it('is copied once, however often', async () => {
    const [from, to] = [await createVolume(fixture.db), await createVolume(fixture.db)];
    await fixture.sql(`insert into volume_glance_metadata (volume_id, "key", value, deleted)
    values ('${from.id}', 'min_disk', '1', false), ('${from.id}', 'name', null, false)`);
    for (let turn = 0; turn < 2; turn++) {
      await fixture.db.glanceMetadata.copy({ volumeId: from.id }, { volumeId: to.id });
    }
    expect(await fixture.db.glanceMetadata.of({ volumeId: to.id })).toEqual({ min_disk: '1', name: null });
    expect(await fixture.sql('select 1 from volume_glance_metadata')).toHaveLength(4);
    await fixture.db.glanceMetadata.remove({ volumeId: to.id });
    expect(await fixture.db.glanceMetadata.of({ volumeId: to.id })).toEqual({});
  });
});
