import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { boundProgram } from '../../kernel/bound-program.ts';
import { memoryFile } from '../../native/memory-file.ts';
import { CallError, type CallGuard } from './call-guard.ts';
import type { ShareVerbs } from './share-protocol.ts';

const programs = new Set(['qemu-img', 'prlimit', 'mount']);
const longestOutput = 4 * 1024 * 1024;
/** Nothing of the service's environment; messages in English, and where mount and qemu-img are. */
const environment = { LC_ALL: 'C', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Programs that work on a share: each ends with the helper, with its call, and at its call's deadline. */
export class ShareChildren {
  readonly #alive = new Set<ChildProcess>();

  /** Kills all, now. */
  killAll(): void {
    for (const child of this.#alive) child.kill('SIGKILL');
  }

  run(args: ShareVerbs['run']['args'], guard: CallGuard): Promise<ShareVerbs['run']['result']> {
    if (!programs.has(args.argv[0]))
      throw new CallError('REFUSED', `${args.argv[0]} is not for a share`, 'not-started');
    guard.assert();
    const child = start(supervised(args.argv, args.asRoot), args.secrets);
    this.#alive.add(child);
    const kill = (): void => void child.kill('SIGKILL');
    const timer = setTimeout(kill, args.timeoutMs);
    guard.signal.addEventListener('abort', kill, { once: true });
    return ended(child).finally(() => {
      clearTimeout(timer);
      guard.signal.removeEventListener('abort', kill);
      this.#alive.delete(child);
    });
  }
}

/** The child has the secrets' descriptors from its start on; here they are closed at once. */
function start([program, ...rest]: readonly [string, ...string[]], secrets: readonly string[]): ChildProcess {
  const files: number[] = [];
  try {
    for (const secret of secrets) files.push(memoryFile(secret));
    return spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe', ...files], env: environment, cwd: '/' });
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** sudo's own process cannot be killed; its child then ends with it. */
function supervised(argv: readonly [string, ...string[]], asRoot: boolean): readonly [string, ...string[]] {
  if (!asRoot || process.getuid?.() === 0) return boundProgram(argv);
  return ['sudo', '-n', 'setpriv', '--pdeathsig', 'KILL', '--', ...argv];
}

function ended(child: ChildProcess): Promise<ShareVerbs['run']['result']> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new CallError('ESPAWN', error.message, 'not-started')));
    child.once('close', (exitCode) => resolve({ exitCode, stdout: stdout(), stderr: stderr() }));
  });
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < longestOutput) text += chunk;
  });
  return () => text;
}
