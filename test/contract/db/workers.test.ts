import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { engines, one } from './fixture.ts';
import { newRegistration } from './rows.ts';
import { useFixture } from './use-fixture.ts';

describe.each(engines)('a stale workers row on %s', (engine) => {
  const fixture = useFixture(engine, 'workers', 'services');

  it('goes, unless somebody has written it since', async () => {
    const { service } = await fixture.db.services.register(newRegistration());
    const id = randomUUID();
    await fixture.db.workers.create('Volume', id, 'creating');
    await fixture.sql('update workers set service_id = ?', [service.id]);
    expect(await fixture.db.workers.find('Volume', id)).toMatchObject({ resource_id: id });
    expect(await fixture.db.workers.find('Snapshot', id)).toBeNull();
    const read = one(await fixture.db.workers.ofService(service.id));
    await fixture.db.workers.setStatus('Volume', id, 'downloading');
    await fixture.db.workers.dropStale(read);
    const now = one(await fixture.db.workers.ofService(service.id));
    await fixture.db.workers.dropStale(now);
    expect(await fixture.db.workers.ofService(service.id)).toEqual([]);
  });
});
