import { execFileSync } from 'node:child_process';
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fsck } from '../../../src/check/fsck.ts';
import type { Difference } from '../../../src/check/verify.ts';
import { runCommand } from '../../../src/cli/program.ts';
import { startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { leaveOut } from '../../support/programs.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

const gib = 2 ** 30;
const id = (n: number): string => `0000000${n}-0000-4000-8000-000000000000`;

/** One volume with a snapshot, one without, one that is being made, and one of another host on the same share. */
describe.skipIf(leaveOut('qemu-img'))('fsck', () => {
  let fixture: Fixture;
  let dir: string;
  let share: string;
  let conf: string;

  beforeAll(async () => {
    fixture = await startFixture('postgres');
    dir = await makeTempDir();
    share = join(dir, 'share');
    conf = join(dir, 'cinder.conf');
    const backend = `volume_driver = cinder_volume_aa.drivers.FolderDriver\nnas_host = demo\nnas_share_path = ${share}`;
    await writeFile(
      conf,
      `[DEFAULT]\nhost = one\nenabled_backends = folder\n[database]\nconnection = ${fixture.url}\n[folder]\n${backend}\n`,
    );
    const row = { host: 'one@folder#folder', size: 1, status: 'available', provider_location: `demo:${share}` };
    await fixture.db.volumes.create({ ...row, id: id(1) });
    await fixture.db.volumes.create({ ...row, id: id(2) });
    await fixture.db.volumes.create({ ...row, id: id(3), status: 'creating' });
    await fixture.db.volumes.create({ ...row, id: id(4), host: 'python@nfs#nfs' });
    await fixture.db.snapshots.create({ id: id(5), volume_id: id(1), status: 'available', volume_size: 1 });
  });
  afterAll(async () => {
    await fixture.close();
    await removeDir(dir);
  });

  const at = (name: string): string => join(share, name);
  const base = (n: number): string => `volume-${id(n)}`;
  const overlay = `${base(1)}.${id(5)}`;

  beforeEach(async () => {
    await rm(share, { recursive: true, force: true });
    await mkdir(share);
    for (const n of [1, 2, 4]) {
      await writeFile(at(base(n)), '');
      await truncate(at(base(n)), gib);
    }
    await writeFile(at(base(3)), 'half of it');
    const backing = ['-b', base(1), '-F', 'raw'];
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, overlay, '1G'], { cwd: share });
    await writeFile(at(`${base(1)}.info`), JSON.stringify({ active: overlay, [id(5)]: overlay }));
  });

  async function run(...argv: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
    const lines: string[] = [];
    const say = (line: string): void => void lines.push(line);
    const io = { version: '0', signal: AbortSignal.timeout(30_000), print: say, complain: say };
    const code = await runCommand(['fsck', ...argv, '--config-file', conf], io);
    return { code, said: lines.join('\n') };
  }

  it('is content where all agrees, and leaves alone what is under way', async () => {
    expect(await run('folder')).toEqual({ code: 0, said: '0 lost, 0 stuck, 0 left over' });
    expect(await run('no-such')).toMatchObject({ code: 1 });
  });

  it('names what is missing, what does not fit and what nobody owns', async () => {
    await rm(at(base(1)));
    await truncate(at(base(2)), 2 * gib);
    await writeFile(at(`volume-${id(6)}`), 'whose?');
    const { code, said } = await run('folder', '--json');
    expect(code).toBe(3);
    const found = JSON.parse(said) as readonly Difference[];
    expect(found.map(({ kind, subject }) => `${kind}: ${subject}`).sort()).toEqual([
      `left over: ${at(`volume-${id(6)}`)}`,
      `lost: snapshot ${id(5)}`,
      `lost: volume ${id(1)}`,
      `lost: volume ${id(2)}`,
    ]);
    expect((await run('folder')).said).toContain('3 lost, 0 stuck, 1 left over');
  });

  it('does not take for a difference what is gone at the second look', async () => {
    await rename(at(base(2)), at('volume-aside'));
    const shares = [{ location: `demo:${share}`, folder: share }];
    const { volumes, snapshots } = fixture.db;
    // The files have been looked at by then.
    const list: typeof snapshots.list = async (page) => {
      await rename(at('volume-aside'), at(base(2))).catch(() => undefined);
      return snapshots.list(page);
    };
    const db = { volumes, snapshots: { list } };
    const scene = { db, names: ['one@folder'], shares, volumeNameTemplate: 'volume-%s' };
    expect(await fsck(scene, AbortSignal.timeout(20_000), 10)).toEqual([]);
  });
});
