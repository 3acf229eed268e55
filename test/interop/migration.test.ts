import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/domain/json.ts';
import type { Volume } from '../../src/domain/rows.ts';
import { eventually } from '../support/poll.ts';
import { leaveOut, leaveOutPython } from '../support/programs.ts';
import { startService, type RunningService } from './running-service.ts';

/* Migrations, as a Python cinder-volume, the scheduler and the API (for Nova) ask for them. */

const placed = { host: 'ctl@folder#folder', cluster_name: 'aa@folder#folder', availability_zone: 'nova' };
const elsewhere = { host: 'python@nfs#nfs', provider_location: 'server:/elsewhere' };
const here = { ...placed, capabilities: { volume_backend_name: 'folder' } };
const connector = { host: 'python', ip: '127.0.0.1', multipath: false, os_type: 'linux2', platform: 'x86_64' };

describe.skipIf(leaveOutPython('cinder', 'psycopg2') || leaveOut('qemu-img'))(
  'a migration',
  { timeout: 60_000 },
  () => {
    let service: RunningService;
    beforeAll(async () => {
      service = await startService();
    }, 180_000);
    afterAll(() => service.stop(), 30_000);

    const call = (method: string, ...args: readonly Json[]): Promise<Json> => service.client.call(method, args);
    const cast = (method: string, args: JsonObject): Promise<Json> =>
      service.client.cast(method, placed.cluster_name, args);

    async function row(changes: Partial<Volume>): Promise<string> {
      const id = randomUUID();
      const owner = { project_id: 'project', user_id: 'user', size: 1, status: 'available' };
      await service.fixture.db.volumes.create({ id, ...owner, ...placed, ...changes });
      return id;
    }

    async function becomes(id: string, changes: Partial<Volume>): Promise<void> {
      await eventually(async () => {
        const found = await service.fixture.db.volumes.get(id);
        return found !== null && Object.entries(changes).every(([key, value]) => found[key as keyof Volume] === value);
      });
    }

    /** With the place of its volume, as Python makes it. */
    async function target(of: string): Promise<string> {
      const { provider_location } = elsewhere;
      const changes = { status: 'creating', migration_status: `target:${of}`, use_quota: false, provider_location };
      const id = await row(changes);
      await service.client.call('create_volume', [{ Volume: id }, null, null], { allow_reschedule: false });
      await becomes(id, { status: 'available' });
      return id;
    }

    it('comes here from a Python service, which writes the data itself', async () => {
      const { fixture, share } = service;
      const id = await row({ ...elsewhere, cluster_name: null, migration_status: 'completing' });
      await fixture.db.volumes.mergeMetadata(id, 'admin_metadata', { format: 'raw' });
      const made = await target(id);
      const location = (await fixture.db.volumes.get(made))?.provider_location ?? null;
      expect(location).toContain(share);
      const info = await call('initialize_connection', { Volume: made }, connector);
      expect(info).toMatchObject({ data: { export: location, name: `volume-${made}`, format: 'raw' } });
      writeFileSync(join(share, `volume-${made}`), 'data', { flag: 'r+' });
      expect(await call('update_migrated_volume', { Volume: id }, { Volume: made }, 'available')).toBeNull();
      expect(await fixture.db.volumes.get(id)).toMatchObject({ provider_location: location, _name_id: null });
      expect(await fixture.db.volumes.get(made)).toMatchObject({ provider_location: elsewhere.provider_location });
      expect(await beginning(join(share, `volume-${id}`))).toBe('data');
      expect(existsSync(join(share, `volume-${made}`))).toBe(false);
    });

    it.each(['migrate_volume', 'retype'])(
      'goes from here by %s, with another copy on the same backend',
      async (method) => {
        const { fixture, share } = service;
        const id = await row({ status: 'creating' });
        await service.client.call('create_volume', [{ Volume: id }, null, null], { allow_reschedule: false });
        await becomes(id, { status: 'available' });
        writeFileSync(join(share, `volume-${id}`), 'data', { flag: 'r+' });
        const typeId = randomUUID();
        await fixture.sql('insert into volume_types (id, name, is_public, deleted) values (?, ?, true, false)', [
          ...[typeId, `type of ${method}`],
        ]);
        const spec =
          'insert into volume_type_extra_specs (volume_type_id, key, value, deleted) values (?, ?, ?, false)';
        await fixture.sql(spec, [typeId, 'speed', 'high']);
        const begun = method === 'retype' ? { status: 'retyping' } : { migration_status: 'starting' };
        await fixture.db.volumes.update(id, { previous_status: 'available', ...begun });
        const volume = { volume: { Volume: id }, host: here };
        await (method === 'retype'
          ? cast('retype', { ...volume, new_type_id: typeId, migration_policy: 'on-demand', reservations: [] })
          : cast('migrate_volume', { ...volume, force_host_copy: false }));
        await becomes(id, { status: 'available', migration_status: 'success' });
        const moved = await fixture.db.volumes.get(id);
        expect(moved).toMatchObject({ ...(method === 'retype' && { volume_type_id: typeId }) });
        // Its own name is the old file's.
        const file = join(share, `volume-${moved?._name_id ?? ''}`);
        expect(await beginning(file)).toBe('data');
        await eventually(() => !existsSync(join(share, `volume-${id}`)));
      },
    );

    it('ends for the API by the answer to its call', async () => {
      const { fixture } = service;
      const inUse = { status: 'in-use', previous_status: 'in-use', migration_status: 'migrating', ...elsewhere };
      const id = await row({ ...inUse, ...placed });
      const made = await target(id);
      const args = [{ Volume: id }, { Volume: made }] as const;
      expect(await call('migrate_volume_completion', ...args, false)).toBe(id);
      expect(await fixture.db.volumes.get(id)).toMatchObject({ migration_status: 'success', _name_id: made });
      const other = await row({ ...inUse, ...placed });
      const failed = [{ Volume: other }, { Volume: await target(other) }] as const;
      expect(await call('migrate_volume_completion', ...failed, true)).toBe(other);
      expect(await fixture.db.volumes.get(other)).toMatchObject({ migration_status: 'error', status: 'in-use' });
      await eventually(async () => (await fixture.db.volumes.get(failed[1].Volume)) === null);
      await expect(call('migrate_volume_completion', { Volume: id }, { Volume: id }, false)).resolves.toBe(id);
    });
  },
);

async function beginning(path: string): Promise<string> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  await file.close();
  return buffer.toString();
}
