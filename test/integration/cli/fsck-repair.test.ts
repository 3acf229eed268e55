import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCoordinator } from '../../../src/cli/lock/open-coordinator.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { lockName } from '../../../src/coordination/lock-names.ts';
import type { Mending } from '../../../src/drivers/volume-driver.ts';
import { startFixture, type Fixture } from '../../contract/db/fixture.ts';
import { newEntry } from '../../contract/db/rows.ts';
import { leaveOut } from '../../support/programs.ts';
import { buildOnce } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

const gib = 2 ** 30;

interface Answer {
  readonly code: number | null;
  readonly signal: string | null;
  readonly said: string;
  readonly complained: string;
}

/** One volume with a snapshot; everything of it agrees, until a test damages something. */
describe.skipIf(leaveOut('qemu-img'))('fsck --repair', () => {
  let fixture: Fixture;
  let program: string;
  let dir: string;
  let share: string;
  let conf: string;
  let volume: string;
  let snapshot: string;

  beforeAll(async () => {
    fixture = await startFixture('postgres');
    program = join(await buildOnce(), 'src/main.js');
    dir = await makeTempDir();
    share = join(dir, 'share');
    conf = join(dir, 'cinder.conf');
    const backend = `volume_driver = cinder_volume_aa.drivers.FolderDriver\nnas_host = demo\nnas_share_path = ${share}`;
    const locks = `[coordination]\nbackend_url = file://${dir}/locks\n`;
    writeFileSync(
      conf,
      `[DEFAULT]\nhost = one\nenabled_backends = folder\nstate_path = ${dir}\n${locks}[database]\nconnection = ${fixture.url}\n[folder]\nnfs_snapshot_support = true\n${backend}\n`,
    );
  });
  afterAll(async () => {
    await fixture.close();
    await removeDir(dir);
  });

  const at = (name: string): string => join(share, name);
  const base = (): string => `volume-${volume}`;
  const info = (): string => at(`${base()}.info`);
  let whole: string;

  beforeEach(async () => {
    await fixture.empty('snapshots', 'volumes', 'aa_journal', 'aa_incarnation');
    rmSync(share, { recursive: true, force: true });
    mkdirSync(share);
    [volume, snapshot] = [randomUUID(), randomUUID()];
    const place = { host: 'one@folder#folder', provider_location: `demo:${share}` };
    const row = { size: 1, status: 'available', attach_status: 'detached', ...place };
    await fixture.db.volumes.create({ id: volume, ...row });
    await fixture.db.snapshots.create({ id: snapshot, volume_id: volume, status: 'available', volume_size: 1 });
    writeFileSync(at(base()), '');
    truncateSync(at(base()), gib);
    const overlay = `${base()}.${snapshot}`;
    const backing = ['-b', base(), '-F', 'raw'];
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, overlay, '1G'], { cwd: share });
    whole = JSON.stringify(
      Object.fromEntries(
        [
          ['active', overlay],
          [snapshot, overlay],
        ].sort(),
      ),
      null,
      1,
    );
    writeFileSync(info(), whole);
  });

  function run(flags: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Answer> {
    const child = spawn(process.execPath, [program, 'fsck', 'folder', ...flags, '--config-file', conf], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [said, complained] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    child.stderr.on('data', (data: Buffer) => (complained += data.toString()));
    return new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, said, complained }));
    });
  }

  const leftovers = (): readonly string[] => {
    const folder = at('.cinder-volume-aa');
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  function unfinished(id: string): void {
    mkdirSync(at('.cinder-volume-aa'), { recursive: true });
    writeFileSync(at(`.cinder-volume-aa/volume-${id}~t1ab~info`), 'half');
  }

  it('repairs what is beyond doubt, says what it did, and finds nothing to do the second time', async () => {
    const gone = randomUUID();
    rmSync(info());
    unfinished(volume);
    unfinished(gone);
    writeFileSync(at(`volume-${gone}.info`), '{"active":');
    const { code, said } = await run(['--repair']);
    expect(said).toContain('4 repaired, 0 not; 0 lost, 0 stuck, 0 left over');
    expect(code).toBe(0);
    expect(readFileSync(info(), 'utf8')).toBe(whole);
    expect(leftovers()).toEqual([]);
    expect(existsSync(at(`volume-${gone}.info`))).toBe(false);
    expect(await run(['--repair'])).toMatchObject({ code: 0, said: '0 lost, 0 stuck, 0 left over\n' });
  });

  it('leaves data where it is, and names what settles it', async () => {
    const gone = randomUUID();
    writeFileSync(at(`volume-${gone}`), 'whose?');
    rmSync(at(base()));
    const { code, said } = await run(['--repair']);
    expect(code).toBe(3);
    expect(said).toContain(
      `what settles it: if it was let go of, nothing; to have it back: cinder manage one@folder demo:${share}/volume-${gone}`,
    );
    expect(said).toContain('what settles it: bring the file back');
    expect(readFileSync(at(`volume-${gone}`), 'utf8')).toBe('whose?');
  });

  it('changes nothing without --repair', async () => {
    rmSync(info());
    unfinished(volume);
    const { code, said } = await run([]);
    expect(code).toBe(3);
    expect(said).toContain('fsck folder --repair removes it');
    expect(existsSync(info())).toBe(false);
    expect(leftovers()).toHaveLength(1);
  });

  it.each(['call locked', 'committing:unfinished-files', 'committing:snapshot-info'])(
    'is killed at "%s" and ends the repair when it is run again',
    async (step) => {
      rmSync(info());
      unfinished(volume);
      const killed = await run(['--repair'], { CINDER_VOLUME_AA_TEST_FAILPOINT: `${step}=kill@1` });
      expect(killed.signal).toBe('SIGKILL');
      expect(await run(['--repair'])).toMatchObject({ code: 0 });
      expect(readFileSync(info(), 'utf8')).toBe(whole);
      expect(leftovers()).toEqual([]);
      expect(await run(['--repair'])).toMatchObject({ code: 0, said: '0 lost, 0 stuck, 0 left over\n' });
    },
  );

  async function mended(): Promise<readonly Mending[]> {
    const { said } = await run(['--repair', '--json']);
    return (JSON.parse(said) as { mended: readonly Mending[] }).mended;
  }

  it('leaves alone a volume whose locks somebody holds', async () => {
    unfinished(volume);
    rmSync(info());
    const signal = AbortSignal.timeout(60_000);
    const config = await loadConfig({ given: [{ kind: 'file', path: conf }], environment: {} });
    const io = { version: '0', signal, print: () => undefined, complain: () => undefined };
    const { coordinator, close } = await openCoordinator(config, io);
    const lease = await coordinator.acquire([lockName(`nfs-${volume}`)], { waitMs: 1_000, signal });
    try {
      expect(await mended()).toMatchObject([{ done: false, what: 'is left alone: somebody is at work on it' }]);
      expect(leftovers()).toHaveLength(1);
      expect(existsSync(info())).toBe(false);
    } finally {
      await lease.release();
      await close();
    }
    expect((await mended()).every(({ done }) => done)).toBe(true);
  });

  it('leaves alone a volume that a request is about, whoever carries it', async () => {
    rmSync(info());
    const entry = newEntry({
      method: 'create_snapshot',
      backend: 'one@folder',
      resourceType: 'Snapshot',
      resourceId: snapshot,
    });
    await fixture.db.journal.receive([entry], randomUUID());
    expect(await mended()).toMatchObject([{ done: false, what: expect.stringContaining('create_snapshot') as string }]);
    expect(existsSync(info())).toBe(false);
  });

  it('leaves alone a volume that is being migrated, and one of another service', async () => {
    rmSync(info());
    await fixture.db.volumes.update(volume, { migration_status: 'migrating' });
    expect(await mended()).toMatchObject([{ done: false, what: expect.stringContaining('migrated') as string }]);
    await fixture.db.volumes.update(volume, { migration_status: 'success', host: 'two@nfs#nfs' });
    expect(await mended()).toMatchObject([{ done: false, what: expect.stringContaining("two@nfs's") as string }]);
    expect(existsSync(info())).toBe(false);
  });

  it('repairs nothing beside a replica with which it has no locks in common', async () => {
    rmSync(info());
    const id = randomUUID();
    await fixture.db.incarnations.register({ id, host: 'one', pid: 1, version: '0', serves: ['one@folder'] });
    await fixture.db.incarnations.setProbe(id, true);
    const beat = setInterval(() => void fixture.db.incarnations.beat(id), 200);
    try {
      const { code, complained } = await run(['--repair']);
      expect(complained).toContain('[coordination] backend_url');
      expect(code).toBe(1);
      expect(existsSync(info())).toBe(false);
    } finally {
      clearInterval(beat);
    }
  });
});
