import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ShareClient } from '../../../../src/drivers/share/share-client.ts';
import { never } from '../../../../src/kernel/abort.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import { BootClock } from '../../../../src/native/boot-clock.ts';
import { makeTempDir, removeDir } from '../../../support/temp-dir.ts';

/** Answers the first call with `text`, in as many pieces as a pipe makes of it, and then is killed. */
const dyingHelper = (text: string): string => `
  process.stdout.write('{"event":"ready","pid":1}\\n');
  process.stdin.once('data', () => {
    process.stdout.write(${JSON.stringify(text)}, () => process.kill(process.pid, 'SIGKILL'));
  });`;

describe("what a share helper's process says", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeTempDir();
  });
  afterEach(() => removeDir(dir));

  const answerOf = async (text: string): Promise<unknown> => {
    const entry = join(dir, 'helper.mjs');
    writeFileSync(entry, dyingHelper(text));
    const allowed = () => ({ base: null, folders: [dir] });
    const share = new ShareClient({ name: 'helper', allowed, entry, clock: new BootClock(), log: silentLogger });
    const guard = { signal: never, provableUntilMs: () => Number.POSITIVE_INFINITY };
    return share.call('exists', { dir, name: 'x' }, guard).finally(() => share.stop());
  };

  it('is of unknown outcome where it was killed in the middle of its answer, and harms nobody', async () => {
    await expect(answerOf('{"event":"result","id":1,"resu')).rejects.toMatchObject({
      errno: 'HELPER',
      outcome: 'unknown',
    });
  });

  it.each(['\u2028', '\u2029', '\u0085', '\r', '\n'])('may hold %j, which is in no file name of ours', async (odd) => {
    const result = { backingFile: `/x${odd}y` };
    expect(await answerOf(`${JSON.stringify({ event: 'result', id: 1, result })}\n`)).toEqual(result);
  });

  it('may be longer than a pipe takes at once', async () => {
    const result = 'x'.repeat(3_000_000);
    expect(await answerOf(`${JSON.stringify({ event: 'result', id: 1, result })}\n`)).toBe(result);
  });
});
