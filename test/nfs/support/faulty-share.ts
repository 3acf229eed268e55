import { execFileSync, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mountPoints } from '../../../src/drivers/remotefs/mount-table.ts';
import { boundProgram } from '../../../src/kernel/bound-program.ts';
import { eventually } from '../../support/poll.ts';
import { python } from '../../support/programs.ts';
import { makeTempDir, removeDir } from '../../support/temp-dir.ts';

export interface Fault {
  /** FUSE's name of a call, or all that change something. */
  readonly op:
    'change' | 'create' | 'open' | 'write' | 'truncate' | 'fsync' | 'fsyncdir' | 'link' | 'rename' | 'unlink';
  /** How the name ends, or the other name of a link or rename. */
  readonly ending?: string;
  readonly errno: 'EIO' | 'ESTALE' | 'ENOSPC' | 'EROFS';
  /** The call is carried out, and fails all the same. */
  readonly done: boolean;
  /** For ever, where it is not given. */
  readonly times?: number;
}

/** A folder behind FUSE whose calls fail as they are told to (faulty-share.py). */
export interface FaultyShare {
  /** Where it is mounted. */
  readonly dir: string;
  /** From now on these, and no others. */
  set(...faults: readonly Fault[]): Promise<void>;
  /** The calls that were made to fail since the last `set`. */
  readonly failed: readonly string[];
  stop(): Promise<void>;
}

export async function startFaultyShare(): Promise<FaultyShare> {
  const base = await makeTempDir('cinder-volume-aa-faulty-');
  const [folder, dir] = [join(base, 'folder'), join(base, 'share')];
  await mkdir(folder);
  await mkdir(dir);
  const script = join(import.meta.dirname, 'faulty-share.py');
  const [launcher, ...argv] = boundProgram([python, script, folder, dir]);
  const child = spawn(launcher, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  let failed: string[] = [];
  let told = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'told') told += 1;
    else failed.push(line);
  });
  await eventually(async () => (await mountPoints()).has(dir), { what: 'the mounted share' });
  return {
    dir,
    get failed() {
      return failed;
    },
    set: async (...faults) => {
      failed = [];
      const before = told;
      child.stdin.write(`${JSON.stringify(faults)}\n`);
      await eventually(() => told > before, { everyMs: 1, what: 'faults taken in' });
    },
    stop: async () => {
      execFileSync('umount', ['--lazy', dir]);
      child.kill('SIGKILL');
      await removeDir(base);
    },
  };
}
