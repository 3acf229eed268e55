import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines } from './fixture.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('volume types on %s', (engine) => {
  const fixture = useFixture(engine);

  it('say how their volumes are encrypted, where they are', async () => {
    const typeId = (await fixture.db.volumeTypes.byName('__DEFAULT__'))?.id ?? '';
    expect(await fixture.db.volumeTypes.encryption(typeId)).toBeNull();
    const how = { cipher: 'aes-xts-plain64', key_size: 256, provider: 'luks', control_location: 'front-end' };
    const columns = 'encryption_id, volume_type_id, deleted, cipher, key_size, provider, control_location';
    await fixture.sql(`insert into encryption (${columns}) values (?, ?, false, ?, ?, ?, ?)`, [
      ...[randomUUID(), typeId],
      ...Object.values(how),
    ]);
    expect(await fixture.db.volumeTypes.encryption(typeId)).toEqual(how);
    await fixture.sql('update encryption set deleted = true');
    expect(await fixture.db.volumeTypes.encryption(typeId)).toBeNull();
    await fixture.sql('delete from encryption');
  });

  it('have specs of quality of service, where they refer to some', async () => {
    const type = await fixture.db.volumeTypes.byName('__DEFAULT__');
    expect(await fixture.db.volumeTypes.qosSpecs(type?.id ?? '')).toBeNull();
    const [typeId, root] = [randomUUID(), randomUUID()];
    const add = (id: string, specs: string | null, key: string, value: string, deleted = false): Promise<unknown> =>
      fixture.sql('insert into quality_of_service_specs (id, specs_id, "key", value, deleted) values (?, ?, ?, ?, ?)', [
        id,
        specs,
        key,
        value,
        deleted,
      ]);
    await add(root, null, 'QoS_Specs_Name', 'q');
    await add(randomUUID(), root, 'consumer', 'both');
    await add(randomUUID(), root, 'total_iops_sec', '5');
    await add(randomUUID(), root, 'old', '1', true);
    await fixture.sql(
      'insert into volume_types (id, name, is_public, deleted, qos_specs_id) values (?, ?, true, false, ?)',
      [typeId, 'with qos', root],
    );
    expect(await fixture.db.volumeTypes.qosSpecs(typeId)).toEqual({ consumer: 'both', total_iops_sec: '5' });
    await fixture.sql('delete from volume_types where id = ?', [typeId]);
    await fixture.sql('delete from quality_of_service_specs where specs_id is not null');
    await fixture.sql('delete from quality_of_service_specs');
  });
});
