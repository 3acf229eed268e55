import { execFile, spawn } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/poll.ts';
import { buildOnce } from '../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../support/temp-dir.ts';

const run = promisify(execFile);
let program: string;

beforeAll(async () => {
  program = join(await buildOnce(), 'src/main.js');
}, 180_000);

/** Whether a process exists. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('cinder-volume-aa demo', () => {
  it('loses nothing when a replica is killed, and says so', { timeout: 180_000 }, async () => {
    const { stdout } = await run(process.execPath, [program, 'demo', '--volumes', '3', '--busy', '1']);
    expect(stdout).toMatch(/^replica-2 +SIGKILL/m);
    expect(stdout).toMatch(/^delete snapshot +9 +9 +0 /m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 lost, 0 stuck, 0 left over');
  });
});

describe('cinder-volume-aa dev', () => {
  it('serves the command line, and leaves nothing running', { timeout: 180_000 }, async () => {
    const dir = await makeTempDir();
    const dev = spawn(process.execPath, [program, 'dev', '--replicas', '1', '--state-dir', dir], { stdio: 'pipe' });
    const exited = new Promise<number | null>((resolve) => dev.once('exit', resolve));
    let said = '';
    dev.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    try {
      await eventually(() => said.includes('Ctrl-C'), { timeoutMs: 90_000, what: 'the start of dev' });
      const conf = ['--config-file', join(dir, 'replica-1.conf')];
      const cli = async (...argv: readonly string[]): Promise<string> =>
        (await run(process.execPath, [program, ...argv, ...conf])).stdout;

      expect(await cli('service', 'list')).toMatch(/cinder-volume +replica-1@folder +demo@folder +enabled +up/);
      const made = JSON.parse(await cli('volume', 'create', '--count', '2', '--wait', '--json')) as { id: string }[];
      expect(made).toHaveLength(2);
      const [first, second] = made.map(({ id }) => id);
      await cli('snapshot', 'create', first ?? '', '--wait');
      await cli('volume', 'delete', second ?? '', '--wait');
      const refused = await run(process.execPath, [program, 'volume', 'delete', first ?? '', ...conf]).catch(
        (error: unknown) => error as { code?: number; stdout?: string },
      );
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.stdout).toContain('has 1 snapshot(s)');
      await cli('volume', 'delete', first ?? '', '--cascade', '--wait');
      expect(JSON.parse(await cli('volume', 'list', '--json'))).toEqual([]);
      expect(await readdir(join(dir, 'share'))).toEqual(['.cinder-volume-aa']);

      const children = await childrenOf(dev.pid ?? 0);
      expect(children.length).toBeGreaterThanOrEqual(2);
      dev.kill('SIGINT');
      expect(await exited).toBe(0);
      await eventually(() => children.every((pid) => !lives(pid)), { what: 'the end of every child' });
      await expect(access(join(dir, 'replica-1.log'))).resolves.toBeUndefined();
    } finally {
      dev.kill('SIGKILL');
      await removeDir(dir);
    }
  });

  it('takes everything with it when it is killed', { timeout: 180_000 }, async () => {
    const dir = await makeTempDir();
    const dev = spawn(process.execPath, [program, 'dev', '--replicas', '1', '--state-dir', dir], { stdio: 'pipe' });
    let said = '';
    dev.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    try {
      await eventually(() => said.includes('Ctrl-C'), { timeoutMs: 90_000, what: 'the start of dev' });
      const children = await childrenOf(dev.pid ?? 0);
      dev.kill('SIGKILL');
      await eventually(() => children.every((pid) => !lives(pid)), { what: 'the end of every child' });
    } finally {
      dev.kill('SIGKILL');
      await removeDir(dir);
    }
  });
});

async function childrenOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(pid)]);
  return stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [Number(line)]));
}
