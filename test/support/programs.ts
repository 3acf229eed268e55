import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of an executable found by PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether tests that need a program are left out: only where `npm test -- --skip-missing` asked for that. Otherwise a
 * missing program is a failing test, never a silent hole. Use: `describe.skipIf(leaveOut('qemu-img'))`.
 */
export function leaveOut(...programs: readonly string[]): boolean {
  return process.env['SKIP_MISSING'] === '1' && programs.some((name) => findProgram(name) === undefined);
}

/** The distribution's interpreter, which has the distribution's packages whatever else PATH offers. */
export const python = process.env['CINDER_PYTHON'] ?? '/usr/bin/python3';

/** The same for packages of Python: `describe.skipIf(leaveOutPython('cinder', 'psycopg2'))`. */
export function leaveOutPython(...packages: readonly string[]): boolean {
  if (process.env['SKIP_MISSING'] !== '1') return false;
  const look = 'import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))';
  return spawnSync(python, ['-c', look, ...packages]).status !== 0;
}
