import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fixture } from '../contract/db/fixture.ts';
import { leaveOut } from '../support/programs.ts';
import { eventually } from '../support/poll.ts';
import { Replicas } from './replicas.ts';

/*
 * Volumes migrate between two backends of two replicas, which ask one another through the queue. One of them is killed
 * in the middle: each volume arrives all the same, and is on one side only.
 */

const VOLUMES = 3;
const GIB = 1024 ** 3;
/** Where each volume holds its own id. */
const MARK = 2 ** 26;

describe.skipIf(leaveOut('qemu-img'))('migrations of which a replica is killed', () => {
  let replicas: Replicas;
  let fixture: Fixture;
  let dir: string;

  beforeAll(async () => {
    replicas = await Replicas.prepare();
    ({ dir, fixture } = replicas);
    await mkdir(join(dir, 'from'));
    await writeFile(join(dir, 'shares'), `demo:${dir}/from\ndemo:${replicas.share}\n`);
    const adapt = (conf: string): string => withTwoBackends(conf, join(dir, 'shares'));
    await Promise.all(['one', 'two'].map((host) => replicas.start(host, adapt)));
  }, 180_000);

  afterAll(() => replicas.stop(), 60_000);

  const volumeFiles = async (share: string): Promise<readonly string[]> =>
    (await readdir(share)).filter((name) => name.startsWith('volume-')).sort();

  async function available(): Promise<string> {
    const id = randomUUID();
    const placed = { host: 'one@leaving#leaving', cluster_name: 'aa@leaving#leaving' };
    await fixture.db.volumes.create({
      ...{ id, size: 1, project_id: 'p', status: 'available', migration_status: 'starting' },
      ...{ previous_status: 'available', provider_location: `demo:${dir}/from`, ...placed },
    });
    const file = await open(join(dir, 'from', `volume-${id}`), 'w');
    await file.truncate(GIB);
    await file.write(id, MARK);
    await file.close();
    return id;
  }

  it('come to their end, each on one side', async () => {
    const ids: string[] = [];
    for (let made = 0; made < VOLUMES; made += 1) ids.push(await available());
    const host = { host: 'two@folder#folder', cluster_name: 'aa@folder#folder', capabilities: {} };
    for (const id of ids) {
      await replicas.cast('aa@leaving', 'migrate_volume', { volume: { id }, host, force_host_copy: false });
    }
    const pid = await eventually(
      async () => {
        const rows = await fixture.sql<{ pid: string }>(
          `select i.pid from aa_journal j join aa_incarnation i on i.id = j.owner
           where j.method = 'migrate_volume' and j.notes like '%migration_target%' and j.finished_at is null`,
        );
        return rows[0]?.pid;
      },
      { everyMs: 1 },
    );
    await replicas.kill(Number(pid));
    await eventually(
      async () => {
        const rows = await Promise.all(ids.map((id) => fixture.db.volumes.get(id)));
        return rows.every((row) => row?.migration_status === 'success');
      },
      { timeoutMs: 90_000, what: 'the end of all migrations' },
    );
    await eventually(async () => (await volumeFiles(join(dir, 'from'))).length === 0, { timeoutMs: 30_000 });
    expect(await volumeFiles(replicas.share)).toEqual(ids.map((id) => `volume-${id}`).sort());
    for (const id of ids) {
      expect(await fixture.db.volumes.get(id)).toMatchObject({
        ...{
          host: expect.stringMatching(/^(one|two)@folder#folder$/) as string,
          cluster_name: 'aa@folder#folder',
          status: 'available',
          _name_id: null,
        },
        provider_location: `demo:${replicas.share}`,
      });
      const file = await open(join(replicas.share, `volume-${id}`));
      const { buffer } = await file.read(Buffer.alloc(id.length), 0, id.length, MARK);
      expect([(await file.stat()).size, buffer.toString()]).toEqual([GIB, id]);
      await file.close();
    }
    // The last file goes before the row that it belonged to.
    await eventually(async () => {
      const left = await fixture.sql<{ id: string }>('select id from volumes where deleted = false');
      return left.length === ids.length && left.every(({ id }) => ids.includes(id));
    });
    const twice = await fixture.sql(`select 1 from aa_journal where method = 'migrate_volume' and claim > 1`);
    expect(twice.length).toBeGreaterThan(0);
  }, 150_000);
});

/** `leaving` reaches both shares, as an NFS client could; `folder` has its own only. */
function withTwoBackends(conf: string, shares: string): string {
  const [head = '', backend = ''] = conf.split('\n[folder]\n');
  const leaving = backend
    .replace(/^nas_host.*$/m, '')
    .replace(/^nas_share_path.*$/m, `nfs_shares_config = ${shares}`)
    .replace('volume_backend_name = folder', 'volume_backend_name = leaving');
  const both = head.replace('enabled_backends = folder', 'enabled_backends = leaving,folder');
  return `${both}\n[folder]\n${backend}\n[leaving]\n${leaving}`;
}
