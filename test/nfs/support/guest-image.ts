import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findProgram } from '../../support/programs.ts';

/** What qemu starts: the same for every guest. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  /** The command line's part that says how the agent is started; its port follows. */
  readonly agent: string;
}

const root = join(import.meta.dirname, '../../..');
/** As modprobe would load them: nothing in the guest asks for a module by itself. */
const modules = ['virtio_pci', 'virtio_net', 'virtio-rng', 'nfsv4'];
/** What our code and the tests start in a guest; busybox does for everything else. */
const programs = ['qemu-img', 'qemu-io', 'setpriv', 'prlimit'];

/**
 * An initramfs in `dir` with busybox, Node, the build and what it needs; everything stands where it stands on the
 * host, so that paths mean the same on both.
 *
 * @param kernelDir where a package of Debian's cloud kernel has been unpacked (tools/guest-kernel.mjs)
 */
export async function makeGuestImage(dir: string, kernelDir: string, dist: string): Promise<GuestImage> {
  const staged = join(dir, 'initramfs');
  const [version] = await readdir(join(kernelDir, 'lib/modules'));
  if (version === undefined) throw new Error(`no kernel modules in ${kernelDir}`);
  const inside = join(root, 'test/nfs/inside');
  await place(staged, join(inside, 'init.sh'), '/init');
  await chmod(join(staged, 'init'), 0o755);
  await place(staged, required('busybox'), '/bin/busybox');
  const binaries = [process.execPath, ...programs.map(required)];
  for (const path of [...binaries, ...librariesOf(...binaries)]) await place(staged, path);
  for (const path of [dist, join(dist, '../package.json'), inside, ...(await packages())]) await place(staged, path);
  await place(staged, join(root, 'test/contract/coordinator/member-process.mjs'));
  await placeModules(staged, kernelDir, version);
  const initrd = join(dir, 'initrd');
  const pack = `cd "$0" && find . | busybox cpio -o -H newc > "$1" 2>/dev/null`;
  execFileSync('sh', ['-c', pack, staged, initrd]);
  const agent = `${process.execPath} ${join(inside, 'agent.mjs')}`;
  return { kernel: join(kernelDir, `boot/vmlinuz-${version}`), initrd, agent };
}

async function place(staged: string, from: string, to = from): Promise<void> {
  const target = join(staged, to);
  await mkdir(dirname(target), { recursive: true });
  await cp(await realpath(from), target, { recursive: true, dereference: true });
}

function required(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is missing. Run: npm run test:nfs -- --install`);
  return path;
}

/** The shared libraries of these programs, the loader included. */
function librariesOf(...binaries: readonly string[]): readonly string[] {
  const text = execFileSync('ldd', binaries, { encoding: 'utf8' });
  return [...new Set(text.match(/(?<=\s)\/\S+(?= \(0x)/g))];
}

/** The packages that the program needs where it runs. */
async function packages(): Promise<readonly string[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const names = Object.keys(lock.packages).filter((name) => name !== '' && lock.packages[name]?.dev !== true);
  const paths = await Promise.all(names.map((name) => realpath(join(root, name)).catch(() => undefined)));
  return paths.filter((path) => path !== undefined);
}

/** Modules with all that they need, and the order in which they are loaded. */
async function placeModules(staged: string, kernelDir: string, version: string): Promise<void> {
  execFileSync('busybox', ['depmod', '-b', kernelDir, version]);
  const folder = `lib/modules/${version}`;
  const text = await readFile(join(kernelDir, folder, 'modules.dep'), 'utf8');
  const needs = new Map(
    text.split('\n').map((line): [string, string[]] => {
      const [path = '', rest = ''] = line.split(':');
      return [path, rest.split(' ').filter((need) => need !== '')];
    }),
  );
  const order = new Set<string>();
  const add = (path: string): void => {
    for (const need of needs.get(path) ?? []) add(need);
    order.add(path);
  };
  for (const name of modules) {
    const path = [...needs.keys()].find((each) => each.endsWith(`/${name}.ko`));
    if (path === undefined) throw new Error(`the kernel ${version} has no module ${name}`);
    add(path);
  }
  const placed = [...order].map((path) => `/${folder}/${path}`);
  for (const path of placed) await place(staged, join(kernelDir, path), path);
  await writeFile(join(staged, 'modules.order'), placed.map((path) => `${path}\n`).join(''));
}
