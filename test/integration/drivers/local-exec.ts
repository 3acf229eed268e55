import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Exec } from '../../../src/drivers/exec.ts';

const run = promisify(execFile);

/** Programs without supervision, for what only reads. */
export const localExec: Exec = {
  run: ([program, ...argv], { guard: { signal }, timeoutMs }) => run(program, argv, { signal, timeout: timeoutMs }),
};
