import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { python } from '../../test/support/programs.ts';
import type { MemberResult, MemberTask } from './member-task.ts';

export type Side = 'ours' | 'tooz';

const ours = fileURLToPath(new URL('./member-process.js', import.meta.url));
/** Beside its source: only TypeScript is compiled into `dist-bench/bench/locks`. */
const tooz = fileURLToPath(new URL('../../../bench/locks/tooz-member.py', import.meta.url));

/** What Python's side needs here. */
export function toozVersion(): string | undefined {
  const look = `import importlib.metadata as m, kazoo, redis, etcd3gw, pymysql, pymemcache, psycopg2; print(m.version("tooz"))`;
  const { status, stdout } = spawnSync(python, ['-c', look], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

interface Member {
  readonly ready: Promise<void>;
  go(): void;
  readonly result: Promise<MemberResult>;
}

/** Starts all of them, lets them go at one moment, and returns what they say, in their order. */
export async function runMembers(
  tasks: readonly { readonly side: Side; readonly task: MemberTask }[],
): Promise<readonly MemberResult[]> {
  const members = tasks.map(({ side, task }) => startMember(side, task));
  const results = Promise.all(members.map(({ result }) => result));
  // Whoever fails at the start fails in both; it is told once.
  results.catch(() => undefined);
  await Promise.all(members.map(({ ready }) => ready));
  for (const member of members) member.go();
  return results;
}

function startMember(side: Side, task: MemberTask): Member {
  const [program, script] = side === 'ours' ? [process.execPath, ours] : [python, tooz];
  // Tooz's log of refused tries is no news; what ends it is shown with its exit code.
  const child = spawn(program, [script, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  child.stderr.on('data', (piece: Buffer) => {
    said.push(piece.toString());
    said.splice(0, said.length - 20);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done !== true) return next.value;
    throw new Error(`a member of ${side} has ended: ${said.join('').slice(-2_000)}`);
  };
  const ready = line().then((text) => {
    if (text !== 'ready') throw new Error(`a member of ${side} says "${text}"`);
  });
  const result = ready.then(line).then((text) => JSON.parse(text) as MemberResult);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    ready,
    go: () => void child.stdin.write('go\n'),
    // The next measurement shall not share the processors with this one's end.
    result: result.then(async (value) => {
      await exited;
      return value;
    }),
  };
}
