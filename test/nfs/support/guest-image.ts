import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
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
/** Of the tests, what is started in a guest. */
const started = ['test/contract/coordinator/member-process.mjs', 'test/integration/drivers/process-list.mjs'];
/** What our code and the tests start in a guest; busybox does for everything else. */
const programs = ['qemu-img', 'qemu-io', 'setpriv', 'prlimit'];

/**
 * An initramfs in `dir` with busybox, Node, the build and what it needs; everything stands where it stands on the
 * host, so that paths mean the same on both.
 *
 * @param kernelDir where a package of Debian's cloud kernel has been unpacked (tools/guest-kernel.mjs)
 */
export async function makeGuestImage(dir: string, kernelDir: string, dist: string): Promise<GuestImage> {
  const [version] = await readdir(join(kernelDir, 'lib/modules'));
  if (version === undefined) throw new Error(`no kernel modules in ${kernelDir}`);
  const inside = join(root, 'test/nfs/inside');
  const binaries = [process.execPath, ...programs.map(required)];
  const initrd = join(dir, 'initrd');
  // The kernel unpacks one archive after the other.
  pack('/', initrd, [
    ...[...binaries, ...librariesOf(...binaries)],
    ...[dist, join(dist, '../package.json'), inside],
    ...started.map((path) => join(root, path)),
    ...(await packages()),
  ]);
  const order = await modulesInOrder(kernelDir, version);
  pack(kernelDir, initrd, order);
  const staged = join(dir, 'staged');
  await mkdir(join(staged, 'bin'), { recursive: true });
  await copyFile(join(inside, 'init.sh'), join(staged, 'init'));
  await chmod(join(staged, 'init'), 0o755);
  await copyFile(required('busybox'), join(staged, 'bin/busybox'));
  await writeFile(join(staged, 'modules.order'), order.map((path) => `${path}\n`).join(''));
  pack(staged, initrd, ['/init', '/bin/busybox', '/modules.order']);
  const agent = `${process.execPath} ${join(inside, 'agent.mjs')}`;
  return { kernel: join(kernelDir, `boot/vmlinuz-${version}`), initrd, agent };
}

/** Adds an archive of these paths below `base`, with the folders above them, and with files in the place of links. */
function pack(base: string, archive: string, paths: readonly string[]): void {
  const found = execFileSync('find', ['-L', ...paths.map((path) => `.${path}`)], { cwd: base, encoding: 'utf8' });
  const folders = new Set<string>();
  for (const path of paths)
    for (let above = dirname(path); above !== '/'; above = dirname(above)) folders.add(`.${above}`);
  const list = [...[...folders].sort(), found].join('\n');
  const cpio = `cd "$0" && busybox cpio -o -L -H newc >> "$1" 2>/dev/null`;
  execFileSync('sh', ['-c', cpio, base, archive], { input: list, maxBuffer: 2 ** 26 });
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

/** Modules with all that they need, in the order in which they are loaded. */
async function modulesInOrder(kernelDir: string, version: string): Promise<readonly string[]> {
  execFileSync('busybox', ['depmod', '-b', kernelDir, version]);
  const folder = `/lib/modules/${version}`;
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
  return [...order].map((path) => `${folder}/${path}`);
}
