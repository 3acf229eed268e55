import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildOnce } from '../../support/shared-servers.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

let program: string;
let dir: string;

beforeAll(async () => {
  program = path.join(await buildOnce(), 'src/main.js');
  dir = await makeTempDir();
});
afterAll(() => removeDir(dir));

/** Runs the program to its end. */
function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, HOME: dir },
  });
  return { code: status, out: stdout, err: stderr };
}

async function conf(text: string): Promise<string> {
  const file = path.join(dir, 'cinder.conf');
  await writeFile(file, text);
  return file;
}

const share = '[DEFAULT]\nenabled_backends = one\n[one]\nvolume_driver = cinder_volume_aa.drivers.FolderDriver\n';

describe('the program as an operator starts it', () => {
  it('tells its version and its usage with 0, and what it does not understand with 2', () => {
    const { code, out } = run('--version');
    expect(code).toBe(0);
    expect(out).toMatch(/^cinder-volume-aa \d/);
    expect(run('--help').out).toContain('--config-file FILE');
    const wrong = run('--confg-file', 'x');
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('--confg-file');
    expect(wrong.err).toContain('--help');
  });

  it('ends with 1 and every fault of the configuration, with file and line', async () => {
    const file = await conf(`${share}[DEFAULT]\nexecutor_thread_pool_size = many\nreport_interval = -1\n`);
    const { code, err } = run('--config-file', file);
    expect(code).toBe(1);
    expect(err).toMatch(/cinder\.conf:6: .*executor_thread_pool_size/);
    expect(err).toMatch(/cinder\.conf:7: .*report_interval/);
    expect(err).not.toContain('    at ');
  });

  it('ends with 1 without a backend to serve, or without the file that it was told to read', async () => {
    const idle = run('--config-file', await conf('[DEFAULT]\n'));
    expect(idle.code).toBe(1);
    expect(idle.err).toContain('enabled_backends');
    const missing = path.join(dir, 'no-such.conf');
    const blind = run('--config-file', missing);
    expect(blind.code).toBe(1);
    expect(blind.err).toContain(missing);
  });

  it.each([
    ['no database', '', '[database] connection'],
    ['a database of another kind', '[database]\nconnection = sqlite:///x\n', 'sqlite'],
    [
      'a lock service that there is not',
      '[database]\nconnection = postgresql://c:c@127.0.0.1:9/c\n[coordination]\nbackend_url = consul://x\n',
      'consul',
    ],
  ])('ends with 1 and a line in its log that says why: %s', async (_, more, said) => {
    const { code, out, err } = run('--config-file', await conf(share + more));
    expect(code).toBe(1);
    expect(`${out}${err}`).toMatch(new RegExp(`(the start failed|cinder.conf).*${said.replace(/[[\]]/g, '\\$&')}`));
    expect(`${out}${err}`).not.toContain('Node.js v');
  });
});
