import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Fixture } from '../contract/db/fixture.ts';
import { ImageServer, serviceUserConf } from '../support/image-server.ts';
import { leaveOut } from '../support/programs.ts';
import { eventually } from '../support/poll.ts';
import { belowOf, infoOf, inImage } from './drivers/encrypted-image.ts';
import { Replicas } from './replicas.ts';

/*
 * The life of encrypted volumes through running replicas, with the key of the configuration. Each request loses the
 * replica that carries it, at its claim or while qemu-img is at work; another takes that one's place.
 */

const KEY = 'ab'.repeat(32);
/** Under which upstream's rows name the key of the configuration. */
const KEY_ID = '0'.repeat(8) + '-0000-0000-0000-000000000000';
const CLUSTER = 'aa@folder';
const everything = ['read -P 1 0 64k', 'read -P 2 64k 64k', 'read -P 3 128k 64k'];
/** Each file that is made or opened costs seconds of reckoning, and many times that where others reckon too. */
const limitMs = 240_000;

describe.skipIf(leaveOut('qemu-img', 'qemu-io'))('encrypted volumes of which a replica is killed', () => {
  let replicas: Replicas;
  let images: ImageServer;
  let fixture: Fixture;
  let share: string;
  const start = (): Promise<void> => replicas.start(`r${replicas.count}`, (conf) => withKeyAndImages(conf, images.url));

  beforeAll(async () => {
    replicas = await Replicas.prepare();
    ({ share, fixture } = replicas);
    const folder = join(replicas.dir, 'images');
    await mkdir(folder);
    images = await ImageServer.start(folder);
    await fixture.sql(
      `insert into encryption (encryption_id, volume_type_id, deleted, cipher, key_size, provider, control_location)
       select ?, id, false, 'aes-xts-plain64', 256, 'luks', 'front-end' from volume_types where name = '__DEFAULT__'`,
      [randomUUID()],
    );
    await start();
    await start();
  }, limitMs);

  afterAll(async () => {
    await replicas.stop();
    await images.stop();
  }, 60_000);

  const placed = { host: 'r0@folder#folder', cluster_name: `${CLUSTER}#folder` };

  /** Sends the request, kills the replica that has claimed it after a while, and waits for its end all the same. */
  async function survives(method: string, args: JsonObject, afterMs: number): Promise<void> {
    const [before] = await fixture.sql<{ id: string }>('select coalesce(max(id), 0) as id from aa_journal');
    await replicas.cast(CLUSTER, method, args);
    const entry = 'from aa_journal j where j.id > ? and j.method = ?';
    const of = [before?.id, method];
    const pid = await eventually(
      async () => {
        const owner = 'select i.pid from aa_incarnation i where i.id = (select owner';
        const rows = await fixture.sql<{ pid: string }>(`${owner} ${entry} and j.claim > 0 limit 1)`, of);
        return rows[0]?.pid;
      },
      { everyMs: 1, what: `a claim of ${method}` },
    );
    // Not for a state: it is to be struck at different moments.
    await sleep(afterMs);
    await replicas.kill(Number(pid));
    await start();
    await eventually(
      async () => {
        const [row] = await fixture.sql<{ outcome: string | null; detail: string | null }>(
          `select outcome, detail ${entry}`,
          of,
        );
        if (row === undefined || row.outcome === null) return false;
        expect(row).toEqual({ outcome: 'done', detail: null });
        return true;
      },
      { timeoutMs: limitMs, what: `the end of ${method}` },
    );
  }

  async function volume(row: JsonObject = {}): Promise<string> {
    const id = randomUUID();
    const own = { size: 1, project_id: 'p', status: 'creating', encryption_key_id: KEY_ID };
    await fixture.db.volumes.create({ id, ...own, ...placed, ...row });
    return id;
  }

  const create = (id: string, spec: JsonObject | null, afterMs: number): Promise<void> =>
    survives('create_volume', { volume: { id }, request_spec: spec, filter_properties: {} }, afterMs);

  async function available(id: string): Promise<void> {
    expect(await fixture.db.volumes.get(id)).toMatchObject({ status: 'available', encryption_key_id: KEY_ID });
  }

  async function snapshot(volume_id: string, afterMs: number): Promise<string> {
    const id = randomUUID();
    await fixture.db.snapshots.create({ id, volume_id, volume_size: 1, status: 'creating', project_id: 'p' });
    await survives('create_snapshot', { snapshot: { id, volume_id } }, afterMs);
    expect(await fixture.db.snapshots.get(id)).toMatchObject({ status: 'available', encryption_key_id: KEY_ID });
    return id;
  }

  async function activeOf(id: string): Promise<string> {
    const names = await readdir(share);
    if (!names.includes(`volume-${id}.info`)) return join(share, `volume-${id}`);
    const { active } = JSON.parse(await readFile(join(share, `volume-${id}.info`), 'utf8')) as {
      active: string;
    };
    return join(share, active);
  }

  async function guest(id: string, ...commands: readonly string[]): Promise<void> {
    const path = await activeOf(id);
    expect(infoOf(path)).toMatchObject({ format: 'qcow2', encrypted: true });
    inImage({ path, format: 'qcow2', passphrase: KEY, below: belowOf(path) }, ...commands);
  }

  it(
    'are made, copied, lengthened, sent, fetched and deleted, with all that they hold',
    { timeout: limitMs * 6 },
    async () => {
      const first = await volume();
      await create(first, null, 0);
      await available(first);
      await guest(first, 'write -P 1 0 64k');
      const older = await snapshot(first, 0);
      await guest(first, 'write -P 2 64k 64k');
      const newer = await snapshot(first, 600);
      await guest(first, 'write -P 3 128k 64k');

      const copy = await volume({ source_volid: first });
      await create(copy, { source_volid: first }, 900);
      await available(copy);
      await guest(copy, ...everything);
      const past = await volume({ snapshot_id: older });
      await create(past, { snapshot_id: older }, 300);
      await guest(past, 'read -P 1 0 64k');
      await guest(past, 'read -P 0 64k 64k');

      await fixture.db.volumes.update(first, { status: 'extending', previous_status: 'available' });
      await survives('extend_volume', { volume: { id: first }, new_size: 2, reservations: [] }, 0);
      expect(await fixture.db.volumes.get(first)).toMatchObject({ status: 'available', size: 2 });
      expect(infoOf(await activeOf(first))['virtual-size']).toBe(2 * 1024 ** 3);

      await fixture.db.snapshots.update(older, { status: 'deleting' });
      await survives('delete_snapshot', { snapshot: { id: older, volume_id: first }, unmanage_only: false }, 300);
      await fixture.db.snapshots.update(newer, { status: 'deleting' });
      await survives('delete_snapshot', { snapshot: { id: newer, volume_id: first }, unmanage_only: false }, 0);
      await guest(first, ...everything);

      const image = randomUUID();
      images.add(image, 'queued', 'raw');
      await fixture.db.volumes.update(copy, { status: 'uploading', previous_status: 'available' });
      const meta = { id: image, disk_format: 'raw', container_format: 'bare' };
      await survives('copy_volume_to_image', { volume_id: copy, image_meta: meta }, 900);
      await available(copy);
      inImage({ path: images.path(image), format: 'luks', passphrase: KEY }, 'read -P 2 64k 64k');

      const plain = randomUUID();
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', images.path(plain), '1G']);
      execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 64k', images.path(plain)]);
      images.add(plain, 'active');
      const fetched = await volume();
      await create(fetched, { image_id: plain }, 900);
      await available(fetched);
      await guest(fetched, 'read -P 7 0 64k');

      for (const [index, id] of [first, copy, past, fetched].entries()) {
        await fixture.db.volumes.update(id, { status: 'deleting' });
        await survives('delete_volume', { volume: { id }, unmanage_only: false, cascade: false }, index * 20);
        expect(await fixture.db.volumes.get(id)).toBeNull();
      }
      expect((await readdir(share)).filter((name) => name.startsWith('volume-'))).toEqual([]);
      expect(await fixture.sql(`select 1 from workers where resource_type <> 'SENTINEL'`)).toEqual([]);
    },
  );
});

function withKeyAndImages(conf: string, imagesUrl: string): string {
  return `${conf.replace('[DEFAULT]\n', `[DEFAULT]\nglance_api_servers = ${imagesUrl}\n`)}
[key_manager]
backend = cinder.keymgr.conf_key_mgr.ConfKeyManager
fixed_key = ${KEY}

${serviceUserConf(imagesUrl)}`;
}
