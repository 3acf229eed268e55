// The npm packages of this checkout: a fresh clone has none.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const hasLibraries = (root) => existsSync(join(root, 'node_modules/vitest/package.json'));

/** Installs exactly what package-lock.json says, development packages included whatever NODE_ENV is. */
export function installLibraries(root) {
  const argv = ['ci', '--include=dev', '--no-fund', '--no-audit'];
  const { status } = spawnSync('npm', argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`npm ${argv.join(' ')} failed`);
}
