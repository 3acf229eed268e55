import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, messageOf } from '../kernel/errors.ts';
import type { ShareContent } from './share-content.ts';
import type { Difference } from './verify.ts';

const run = promisify(execFile);

/** Whether a program can be started at all. */
export async function hasProgram(name: string): Promise<boolean> {
  return run(name, ['--version']).then(
    () => true,
    (error: unknown) => !isErrno(error, 'ENOENT', 'EACCES'),
  );
}

/** What qemu-img finds wrong inside the images and their chains: clusters that leak, are lost or overlap. */
export async function imageProblems(shares: readonly ShareContent[]): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (const { folder, images } of shares) {
    for (const [name, { format }] of images) {
      if (format !== 'qcow2') continue;
      const path = join(folder, name);
      try {
        await run('qemu-img', ['check', '-f', 'qcow2', '-q', path]);
        await run('qemu-img', ['info', '--backing-chain', '-f', 'qcow2', path]);
      } catch (error) {
        found.push({ kind: 'lost', subject: path, problem: `fails qemu-img's check: ${messageOf(error)}` });
      }
    }
  }
  return found;
}
