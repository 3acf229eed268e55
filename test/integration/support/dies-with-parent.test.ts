import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../../support/poll.ts';
import { removeDir, makeTempDir } from '../../support/temp-dir.ts';
import { freePort } from '../../support/free-port.ts';
import { buildOnce } from '../../support/shared-servers.ts';

it('the embedded PostgreSQL ends when its owner is killed', async () => {
  const dir = await makeTempDir();
  const module = join(await buildOnce(), 'src/embedded-postgres.js');
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const log = { info() {}, debug() {}, warn() {}, error() {}, child() { return log } };
    const options = { dir: ${JSON.stringify(dir)}, port: ${await freePort()}, fsync: false, log };
    const { pid } = await startEmbeddedPostgres({ ...options, signal: AbortSignal.timeout(30000) });
    process.stdout.write(String(pid));
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [text] = (await once(owner.stdout, 'data')) as [Buffer];
    const pid = Number(text);
    expect(process.kill(pid, 0)).toBe(true);
    owner.kill('SIGKILL');
    await eventually(() => !isAlive(pid), { what: 'the end of PostgreSQL' });
  } finally {
    owner.kill('SIGKILL');
    await removeDir(dir);
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
