import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/json.ts';
import type { Fixture } from '../contract/db/fixture.ts';
import { eventually } from '../support/poll.ts';
import { Replicas } from './replicas.ts';

/*
 * Of two replicas the one that carries a request of a group is killed while it does: the other one finishes it, with
 * every member. A third takes the dead one's place, so that each request has its own victim.
 */

const HOSTS = ['one', 'two', 'three', 'four', 'five'];
const CLUSTER = 'aa@folder';
const MEMBERS = 4;

describe('a replica that is killed in the middle of a group', () => {
  let replicas: Replicas;
  let fixture: Fixture;

  beforeAll(async () => {
    replicas = await Replicas.prepare();
    ({ fixture } = replicas);
    await Promise.all(HOSTS.slice(0, 2).map((host) => replicas.start(host)));
  }, 180_000);

  afterAll(() => replicas.stop(), 60_000);

  const placed = { host: 'one@folder#folder', cluster_name: `${CLUSTER}#folder` };
  const cast = (method: string, args: JsonObject): Promise<void> => replicas.cast(CLUSTER, method, args);
  const volumeFiles = async (): Promise<number> =>
    (await readdir(replicas.share)).filter((name) => /^volume-[0-9a-f-]{36}$/.test(name)).length;

  async function group(row: JsonObject): Promise<string> {
    const id = randomUUID();
    await fixture.db.groups.create({ id, project_id: 'p', ...placed, ...row });
    return id;
  }

  async function volumes(row: JsonObject | ((index: number) => JsonObject)): Promise<readonly string[]> {
    const ids = Array.from({ length: MEMBERS }, () => randomUUID());
    for (const [index, id] of ids.entries()) {
      const more = typeof row === 'function' ? row(index) : row;
      await fixture.db.volumes.create({ id, size: 1, project_id: 'p', status: 'creating', ...placed, ...more });
    }
    return ids;
  }

  /** Sends the request, kills the replica that has claimed it at once, and puts another in its place. */
  async function killed(method: string, args: JsonObject): Promise<void> {
    await cast(method, args);
    const pid = await eventually(
      async () => {
        const rows = await fixture.sql<{ pid: string }>(
          `select i.pid from aa_journal j join aa_incarnation i on i.id = j.owner where j.method = $1 and j.claim > 0`,
          [method],
        );
        return rows[0]?.pid;
      },
      { everyMs: 1 },
    );
    await replicas.kill(Number(pid));
    const next = HOSTS[replicas.count];
    if (next !== undefined) await replicas.start(next);
  }

  const ends = (method: string): Promise<unknown> =>
    eventually(
      async () => {
        const [row] = await fixture.sql<{ outcome: string | null; claim: string; detail: string | null }>(
          'select outcome, claim, detail from aa_journal where method = $1',
          [method],
        );
        if (row?.outcome === null) return false;
        expect(row).toMatchObject({ outcome: 'done', detail: null });
        return true;
      },
      { timeoutMs: 40_000, what: `the end of ${method}` },
    );

  it('leaves nothing undone and nothing twice', async () => {
    const id = await group({ status: 'available' });
    const members = await volumes({ group_id: id });
    for (const member of members) await cast('create_volume', { volume: { id: member }, request_spec: null });
    await eventually(async () => (await volumeFiles()) === MEMBERS);
    await eventually(async () =>
      (await Promise.all(members.map((one) => fixture.db.volumes.get(one)))).every(
        (row) => row?.status === 'available',
      ),
    );

    const snapshotId = randomUUID();
    await fixture.db.groupSnapshots.create({ id: snapshotId, group_id: id, status: 'creating', project_id: 'p' });
    for (const volume_id of members) {
      const row = { volume_size: 1, status: 'creating', project_id: 'p', group_snapshot_id: snapshotId };
      await fixture.db.snapshots.create({ id: randomUUID(), volume_id, ...row });
    }
    await killed('create_group_snapshot', { group_snapshot: { id: snapshotId } });
    await ends('create_group_snapshot');
    const snapshots = await fixture.db.groupSnapshots.snapshotIds(snapshotId);
    for (const one of snapshots) expect((await fixture.db.snapshots.get(one))?.status).toBe('available');

    const copy = await group({ status: 'creating', group_snapshot_id: snapshotId });
    await volumes((index) => ({ group_id: copy, snapshot_id: snapshots[index] ?? null }));
    await killed('create_group_from_src', { group: { id: copy } });
    await ends('create_group_from_src');
    expect(await volumeFiles()).toBe(2 * MEMBERS);

    await fixture.sql(`update snapshots set status = 'deleting'`);
    await fixture.db.groupSnapshots.update(snapshotId, { status: 'deleting' });
    await killed('delete_group_snapshot', { group_snapshot: { id: snapshotId } });
    await ends('delete_group_snapshot');
    expect(await fixture.db.groupSnapshots.get(snapshotId)).toBeNull();

    await fixture.sql(`update volumes set status = 'deleting' where group_id = $1`, [copy]);
    await fixture.db.groups.update(copy, { status: 'deleting' });
    await killed('delete_group', { group: { id: copy } });
    await ends('delete_group');
    expect(await fixture.db.groups.get(copy)).toBeNull();
    expect(await volumeFiles()).toBe(MEMBERS);
    // A successor claims an entry once more: the victims did not end before they were killed.
    const claims = await fixture.sql<{ claim: string }>(`select claim from aa_journal where method <> 'create_volume'`);
    expect(claims.filter(({ claim }) => Number(claim) > 1).length).toBeGreaterThan(0);
  }, 150_000);
});
