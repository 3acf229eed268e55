import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Who runs the services: an account of the machine, as deployers do it, or whoever runs the bench. */
export class Account {
  readonly name: string | undefined;

  constructor(name: string | undefined) {
    this.name = name;
  }

  /** The command that becomes `argv` under this account, in the same process. */
  command(argv: readonly [string, ...string[]]): [string, ...string[]] {
    if (this.name === undefined) return [...argv];
    return ['setpriv', `--reuid=${this.name}`, `--regid=${this.name}`, '--init-groups', '--', ...argv];
  }

  /** Runs it to its end. @throws Error with what it said */
  async run(argv: readonly [string, ...string[]], cwd: string): Promise<void> {
    const [file, ...args] = this.command(argv);
    await run(file, args, { cwd });
  }

  /** Gives the account a folder and all that is in it. */
  async own(dir: string): Promise<void> {
    if (this.name !== undefined) await run('chown', ['--recursive', `${this.name}:${this.name}`, dir]);
  }
}
