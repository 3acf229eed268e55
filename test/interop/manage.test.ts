import { randomUUID } from 'node:crypto';
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import type { Volume } from '../../src/domain/rows.ts';
import { eventually } from '../support/poll.ts';
import { leaveOutPython } from '../support/programs.ts';
import { startService, type RunningService } from './running-service.ts';

/* Letting go of volumes and snapshots and taking them in again, as the API and the scheduler ask for it. */

const placed = { host: 'ctl@folder#folder', cluster_name: 'aa@folder#folder', availability_zone: 'nova' };
const owner = { project_id: 'project', user_id: 'user' };
const here = { Service: { host: 'ctl@folder', cluster_name: 'aa@folder', topic: 'cinder-volume' } };

describe.skipIf(leaveOutPython('cinder', 'psycopg2'))('what is on a share already', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService();
  }, 180_000);
  afterAll(() => service.stop(), 30_000);

  const call = (method: string, ...args: readonly Json[]): Promise<Json> => service.client.call(method, args);

  async function volumeBecomes(id: string, status: string): Promise<Volume | null> {
    const { db } = service.fixture;
    await eventually(async () => ((await db.volumes.get(id))?.status ?? 'gone') === status);
    return db.volumes.get(id);
  }

  async function taken(ref: Json, ends = 'available'): Promise<Volume | null> {
    const id = randomUUID();
    await service.fixture.db.volumes.create({ id, status: 'managing', size: 0, ...owner, ...placed });
    await call('manage_existing', { Volume: id }, ref);
    return volumeBecomes(id, ends);
  }

  async function letGo(id: string): Promise<void> {
    await service.fixture.db.volumes.update(id, { status: 'unmanaging' });
    await service.client.call('delete_volume', [{ Volume: id }], { unmanage_only: true });
    await volumeBecomes(id, 'gone');
  }

  async function listed(kind: 'volumes' | 'snapshots'): Promise<readonly JsonObject[]> {
    const page = [null, 100, 0, ['reference'], ['asc']];
    const method = { volumes: 'get_manageable_volumes', snapshots: 'get_manageable_snapshots' }[kind];
    const answer = (await call(method, here, ...page)) as readonly JsonObject[];
    return answer.map((one) => one['versioned_object.data'] as JsonObject);
  }

  it('becomes volumes and snapshots, is let go of, and comes back', async () => {
    const { fixture, share } = service;
    const { db } = fixture;
    writeFileSync(join(share, 'disk.img'), 'an operator put it here');
    truncateSync(join(share, 'disk.img'), 1.5 * 1024 ** 3);
    const [found] = await listed('volumes');
    expect(found).toMatchObject({ size: 2, safe_to_manage: true, reason_not_safe: null, cinder_id: null });

    const first = await taken(found?.['reference'] ?? null);
    expect(first).toMatchObject({ size: 2, provider_location: expect.stringContaining(share) as string });
    const { id = '' } = first ?? {};
    expect(existsSync(join(share, `volume-${id}`))).toBe(true);
    expect(await db.quotas.usage('project')).toMatchObject({ gigabytes: { inUse: 2, reserved: 0 } });
    expect(await listed('volumes')).toMatchObject([{ cinder_id: id, safe_to_manage: false, size: 2 }]);

    const [snapshot, again] = [randomUUID(), randomUUID()];
    const row = { volume_id: id, volume_size: 2, status: 'creating', ...owner };
    await db.snapshots.create({ id: snapshot, ...row });
    await call('create_snapshot', { Volume: id }, { Snapshot: snapshot });
    await eventually(async () => (await db.snapshots.get(snapshot))?.status === 'available');
    await db.snapshots.update(snapshot, { status: 'unmanaging' });
    await call('delete_snapshot', { Snapshot: snapshot }, true);
    await eventually(async () => (await db.snapshots.get(snapshot)) === null);
    const [lost] = await listed('snapshots');
    expect(lost).toMatchObject({ size: 2, safe_to_manage: true });
    expect(lost?.['source_reference']).toEqual({ 'source-name': expect.stringContaining(`/volume-${id}`) as string });

    await db.snapshots.create({ id: again, ...row });
    await call('manage_existing_snapshot', { Snapshot: again }, { 'source-name': `snapshot-${snapshot}` }, placed.host);
    await eventually(async () => (await db.snapshots.get(again))?.status === 'available');
    await db.snapshots.update(again, { status: 'deleting' });
    await call('delete_snapshot', { Snapshot: again });
    await eventually(async () => (await db.snapshots.get(again)) === null);

    await letGo(id);
    expect(existsSync(join(share, `volume-${id}`))).toBe(true);
    expect(await db.quotas.usage('project')).toMatchObject({ gigabytes: { inUse: 0, reserved: 0 } });
    const second = await taken({ 'source-id': id });
    expect(second).toMatchObject({ size: 2, _name_id: id });
  });

  it('and is none of its business is refused', async () => {
    expect(await taken({ 'source-name': '../../etc/passwd' }, 'error_managing')).toMatchObject({ size: 0 });
    const page = ['no JSON', 100, 0, ['reference'], ['asc']];
    await expect(call('get_manageable_volumes', here, ...page)).rejects.toThrow('InvalidInput');
  });
});
