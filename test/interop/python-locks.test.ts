import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/cli/lock/finding.ts';
import { boundProgram } from '../../src/kernel/bound-program.ts';
import { eventually } from '../support/poll.ts';
import { leaveOutPython, python } from '../support/programs.ts';
import { buildOnce } from '../support/shared-servers.ts';
import { startService, type RunningService } from './running-service.ts';

interface Status {
  readonly python: Readonly<Record<string, string>>;
}

describe.skipIf(leaveOutPython('cinder'))('a Python service on the queue of our backend', { timeout: 120_000 }, () => {
  let service: RunningService;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    service = await startService();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(() => service.stop());

  async function startPython(locks: string): Promise<void> {
    const script = join(import.meta.dirname, 'locking-service.py');
    const [launcher, ...argv] = boundProgram([python, script, service.configFile, 'ctl@folder', locks]);
    const child = spawn(launcher, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout, 'data');
  }

  const meeting = async (): Promise<string | undefined> => {
    const response = await fetch(`${service.healthUrl}/v1/status`);
    return ((await response.json()) as Status).python['ctl@folder'];
  };
  const ready = async (): Promise<boolean> => (await fetch(`${service.healthUrl}/readyz`)).ok;

  it('is found apart where its locks are others, which makes us not ready', async () => {
    await eventually(async () => (await meeting()) === 'none', { timeoutMs: 30_000 });
    await startPython(`file://${service.dir}/other-locks`);
    await eventually(async () => (await meeting()) === 'apart', { timeoutMs: 60_000 });
    expect(await ready()).toBe(false);
    const program = join(await buildOnce(), 'src/main.js');
    const command = [program, 'lock', 'check', '--json', '--config-file', service.configFile];
    const checked = spawnSync(process.execPath, command, { encoding: 'utf8' });
    const findings = JSON.parse(checked.stdout) as Finding[];
    expect(findings.find(({ about }) => about === 'python')).toEqual({
      level: 'problem',
      about: 'python',
      text: 'a Python service on the queue of ctl@folder does not wait for our locks',
    });
  });

  it('meets us where it takes the same locks, and we are ready again', async () => {
    await startPython(`file://${service.dir}/locks`);
    await eventually(async () => (await meeting()) === 'meets', { timeoutMs: 60_000 });
    await eventually(ready, { timeoutMs: 30_000 });
  });
});
