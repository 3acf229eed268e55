// The kernel that guests of tests boot: Debian's cloud kernel, unpacked and not installed, because a test has no
// business in what the machine itself boots next.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const metaPackage = 'linux-image-cloud-amd64';

/** The folder with `boot/vmlinuz-…` and `lib/modules/…`; fetched by apt once, and kept in `folder`. */
export function guestKernel(folder) {
  if (existsSync(join(folder, 'lib/modules'))) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    run('apt-get', ['download', '-q', newest()], unfinished);
    const [file] = readdirSync(unfinished);
    run('dpkg-deb', ['--extract', file, 'kernel'], unfinished);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(unfinished, 'kernel'), folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** The package that the meta package stands for today. */
function newest() {
  const name = /Depends: (linux-image-\S+)/.exec(run('apt-cache', ['depends', metaPackage], '/'))?.[1];
  if (name === undefined) throw new Error(`apt knows no ${metaPackage}. Run, as root: apt-get update`);
  return name;
}

function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
}
