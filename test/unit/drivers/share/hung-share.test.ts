import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ShareClient } from '../../../../src/drivers/share/share-client.ts';
import type { ShareVerbs } from '../../../../src/drivers/share/share-protocol.ts';
import { never } from '../../../../src/kernel/abort.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import { BootClock } from '../../../../src/native/boot-clock.ts';
import { eventually } from '../../../support/poll.ts';
import { makeTempDir, removeDir } from '../../../support/temp-dir.ts';

/** Says which process it is, at once, or for a copy after a second; never about a folder that holds a file `hung`. */
const helper = `
  import { existsSync } from 'node:fs';
  import { createInterface } from 'node:readline';
  const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
  say({ event: 'ready', pid: process.pid });
  createInterface({ input: process.stdin }).on('close', () => process.exit()).on('line', (line) => {
    const { op, id, args } = JSON.parse(line);
    if (op !== 'call' || existsSync((args.dir ?? args.argv.at(-1)) + '/hung')) return;
    setTimeout(say, args.argv === undefined ? 0 : 1000, { event: 'result', id, result: result(args) });
  });
  const result = (args) => args.argv === undefined ? process.pid : { exitCode: 0, stdout: String(process.pid), stderr: '' };
`;

const guard = { signal: never, provableUntilMs: () => Number.POSITIVE_INFINITY };
const hangsAfterMs = 300;

describe('a share that hangs beside another one', () => {
  let dir: string;
  let share: ShareClient;
  beforeEach(async () => {
    dir = await makeTempDir();
    const entry = join(dir, 'helper.mjs');
    writeFileSync(entry, helper);
    const allowed = () => ({ base: null, folders: [dir] });
    share = new ShareClient({ name: 'helper', allowed, entry, clock: new BootClock(), log: silentLogger });
    await share.start(never);
  });
  afterEach(async () => {
    await share.stop();
    await removeDir(dir);
  });

  const ask = (folder: string): Promise<ShareVerbs['statfs']['result'] | number> =>
    share.call('statfs', { dir: folder }, guard, hangsAfterMs);
  const copy = (folder: string): Promise<{ readonly stdout: string }> =>
    share.run(['qemu-img', 'convert', folder], { guard, timeoutMs: 10_000 });

  it('ends what is under way there once, and nothing after that as long as it hangs', async () => {
    writeFileSync(join(dir, 'hung'), '');
    await expect(ask(dir)).rejects.toMatchObject({ errno: 'HELPER', outcome: 'unknown' });
    const copied = copy('/healthy');
    for (let turn = 0; turn < 2; turn++) {
      await expect(ask(dir)).rejects.toMatchObject({ errno: 'HELPER', outcome: 'unknown' });
    }
    const { stdout } = await copied;
    expect(await ask('/healthy')).toBe(Number(stdout));
  });

  it('is served like the others again as soon as it answers', async () => {
    writeFileSync(join(dir, 'hung'), '');
    await expect(ask(dir)).rejects.toMatchObject({ errno: 'HELPER' });
    const first = await ask('/healthy');
    rmSync(join(dir, 'hung'));
    const copied = copy(dir);
    const apart = Number((await copied).stdout);
    expect(apart).not.toBe(first);
    expect(await ask(dir)).toBe(apart);
    expect(await ask(dir)).toBe(first);
    await eventually(() => isGone(apart));
  });
});

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
